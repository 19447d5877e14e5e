import farmhash from 'farmhash'
import * as fc from 'fast-check'
import { once } from 'node:events'
import { fork } from 'node:child_process'
import t from 'tap'
import { fallbackReason, fingerprint32, seeded, slotOf, slotOfKey, SLOTS } from '../../src/slots/hash.ts'

const uint32 = fc.nat({ max: 0xffffffff })
const key = fc.uint8Array({ minLength: 4, maxLength: 16 }).map((bytes) => Buffer.from(bytes))

const native = farmhash.fingerprint32

t.test('the native FarmHash is in use on this platform', async (t) => {
  t.equal(fallbackReason(), undefined)
})

t.test('without a build of FarmHash the portable hash gives the same numbers, and the reason is kept', async (t) => {
  const child = fork(new URL('../fixtures/no-farmhash.js', import.meta.url))
  const [{ reason, hashes }] = (await once(child, 'message')) as [{ reason: string; hashes: number[] }]
  t.match(reason, /Unsupported platform: .*-pdp11/)
  t.strictSame(
    hashes,
    ['', 'a', '192.0.2.7', 'x'.repeat(100)].map((text) => native(text)),
  )
})

t.test('a hash maps to one of 256 slots', async (t) => {
  t.equal(SLOTS, 256)
  fc.assert(fc.property(uint32, (hash) => slotOf(hash) === (hash & 0xff)))
})

t.test('the four bytes of a seed repeat over the key, and a second XOR undoes the first', async (t) => {
  t.equal(seeded(Buffer.from('0102030405060708', 'hex'), 0xa0b0c0d0).toString('hex'), 'a1b2c3d4a5b6c7d8')
  fc.assert(fc.property(key, uint32, (bytes, seed) => seeded(seeded(bytes, seed), seed).equals(bytes)))
  fc.assert(
    fc.property(key, fc.integer({ min: 1, max: 0xffffffff }), (bytes, seed) => !seeded(bytes, seed).equals(bytes)),
  )
})

t.test('a seed does not change the key of the caller', async (t) => {
  fc.assert(
    fc.property(key, uint32, (bytes, seed) => {
      const before = Buffer.from(bytes)
      seeded(bytes, seed)
      return bytes.equals(before)
    }),
  )
  const bytes = Buffer.from([1, 2, 3, 4])
  t.equal(seeded(bytes, 0), bytes, 'no seed, no copy')
})

t.test('the slot of a key is the slot of the hash of the seeded key', async (t) => {
  // As docs and other hosts compute it: FarmHash fingerprint32 of the four address bytes, modulo 256.
  t.equal(slotOfKey(Buffer.from([192, 0, 2, 7]), 0), farmhash.fingerprint32(Buffer.from([192, 0, 2, 7])) & 0xff)
  fc.assert(
    fc.property(key, uint32, (bytes, seed) => slotOfKey(bytes, seed) === slotOf(fingerprint32(seeded(bytes, seed)))),
  )
})
