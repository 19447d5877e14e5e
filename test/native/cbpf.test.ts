import { randomBytes } from 'node:crypto'
import t from 'tap'
import { bytesKey } from '../../src/affinity/address.ts'
import { encodeProgram, steeringProgram, type Instruction } from '../../src/native/cbpf.ts'
import { fingerprint32, seeded, slotOf } from '../../src/slots/hash.ts'
import { packetFrom, runProgram } from '../support/cbpf-interpreter.ts'

const settings = [
  { ipv4Prefix: 32, ipv6Prefix: 64, seed: 0 },
  { ipv4Prefix: 24, ipv6Prefix: 56, seed: 0 },
  { ipv4Prefix: 32, ipv6Prefix: 64, seed: 0xdeadbeef },
  { ipv4Prefix: 1, ipv6Prefix: 1, seed: 1 },
  { ipv4Prefix: 19, ipv6Prefix: 33, seed: 0x80000000 },
]

for (const affinity of settings) {
  t.test(
    `10,000 random sources of each kind get the slot that the primary computes: ${JSON.stringify(affinity)}`,
    (t) => {
      const program = steeringProgram(affinity) as Instruction[]
      const kinds = {
        IPv4: () => randomBytes(4),
        IPv6: () => randomBytes(16),
        'IPv6 global': () => Buffer.concat([Buffer.from([0x20]), randomBytes(15)]),
        'IPv6 link-local': () =>
          Buffer.concat([Buffer.from([0xfe, 0x80 | (randomBytes(1)[0]! & 0x3f)]), randomBytes(14)]),
        'IPv6 next to link-local': () => Buffer.concat([Buffer.from([0xfe]), randomBytes(15)]),
        'IPv6 unique-local': () => Buffer.concat([Buffer.from([0xfc | (randomBytes(1)[0]! & 1)]), randomBytes(15)]),
        'IPv6 multicast-like': () => Buffer.concat([Buffer.from([0xff]), randomBytes(15)]),
      }
      for (const [kind, make] of Object.entries(kinds)) {
        let wrong = 0
        for (let i = 0; i < 10_000; i++) {
          const source = make()
          const packet = packetFrom(source)
          const expected = slotOf(fingerprint32(seeded(bytesKey(source, affinity), affinity.seed)))
          if (runProgram(program, packet) !== expected) wrong++
        }
        t.equal(wrong, 0, kind)
      }
      t.end()
    },
  )
}

t.test('the program is within the limits of the kernel', (t) => {
  const program = steeringProgram(settings[2]!) as Instruction[]
  t.ok(program.length < 400, `${program.length} instructions`)
  t.notOk(program.some(({ jt, jf }) => jt > 255 || jf > 255))
  const bytes = encodeProgram(program)
  t.equal(bytes.length, program.length * 8)
  // The first instruction loads the IP version: ldb [net + 0].
  t.equal(bytes.subarray(0, 8).toString('hex'), '300000000000f0ff')
  t.end()
})

t.test('settings that the program cannot honour are refused with a reason', (t) => {
  t.match(steeringProgram({ ipv4Prefix: 32, ipv6Prefix: 65, seed: 0 }), /ipv6Prefix 65 .* 16 bytes/)
  t.end()
})
