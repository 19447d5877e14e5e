import farmhash from 'farmhash'
import * as fc from 'fast-check'
import t from 'tap'
import { fingerprint32 } from '../../src/slots/fingerprint32.ts'

const native = farmhash.fingerprint32

t.test('the portable and the native fingerprint agree for every length from 0 to 200', async () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
    fc.assert(
      fc.property(bytes, (key) => fingerprint32(key) === native(key)),
      { numRuns: 50 },
    )
  }
})

t.test('bytes above 127 count as signed, as in FarmHash', async (t) => {
  for (let length = 0; length <= 40; length++) {
    const key = Buffer.alloc(length, 0xff)
    t.equal(fingerprint32(key), native(key), `${length} bytes`)
  }
})

t.test('a key inside a larger buffer has the same hash as a copy of it', async () => {
  const bytes = fc.uint8Array({ maxLength: 64 })
  fc.assert(
    fc.property(bytes, bytes, bytes, (before, key, after) => {
      const within = Buffer.concat([before, key, after]).subarray(before.length, before.length + key.length)
      return fingerprint32(within) === fingerprint32(Buffer.from(key))
    }),
  )
})
