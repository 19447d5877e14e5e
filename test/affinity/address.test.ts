import * as fc from 'fast-check'
import { isIP } from 'node:net'
import t from 'tap'
import {
  addressKey,
  addressText,
  bytesKey,
  endpointText,
  foldMapped,
  isLoopback,
  parseAddress,
  rawAddress,
} from '../../src/affinity/address.ts'
import { addressTexts, ipv4Bytes, ipv6Bytes, nearlyAddresses } from '../support/addresses.ts'

const whole = { ipv4Prefix: 32, ipv6Prefix: 64, seed: 0 }
const hex = (bytes: Buffer | undefined) => bytes?.toString('hex')

t.test('every way to write an address gives the same key', async () => {
  const prefixes = fc.record({
    ipv4Prefix: fc.integer({ min: 1, max: 32 }),
    ipv6Prefix: fc.integer({ min: 1, max: 128 }),
  })
  fc.assert(
    fc.property(fc.oneof(ipv4Bytes, ipv6Bytes), fc.infiniteStream(fc.nat()), prefixes, (bytes, choices, prefix) => {
      const affinity = { ...prefix, seed: 0 }
      const key = hex(bytesKey(Buffer.from(bytes), affinity))
      for (const text of addressTexts(bytes, choices)) {
        if (hex(addressKey(text, affinity)) !== key)
          throw new Error(`${text} has key ${hex(addressKey(text, affinity))}`)
      }
    }),
  )
})

t.test('an address in text gives its bytes, mapped addresses unfolded', async (t) => {
  fc.assert(
    fc.property(ipv6Bytes, fc.infiniteStream(fc.nat()), (bytes, choices) =>
      addressTexts(bytes, choices).every((text) => rawAddress(text).equals(bytes)),
    ),
  )
  fc.assert(fc.property(ipv4Bytes, (bytes) => rawAddress([...bytes].join('.')).equals(bytes)))
  t.throws(() => rawAddress('localhost'), { message: 'not an IP address: localhost' })
})

t.test('an IPv6 address is written in canonical form, an IPv4 address with dots', async (t) => {
  fc.assert(
    fc.property(ipv6Bytes, (bytes) => {
      const text = addressText(bytes)
      // A URL writes an IPv6 address in its canonical form.
      return rawAddress(text).equals(bytes) && new URL(`http://[${text}]`).hostname === `[${text}]`
    }),
    { numRuns: 2_000 },
  )
  fc.assert(fc.property(ipv4Bytes, (bytes) => addressText(bytes) === bytes.join('.')))
  for (const text of ['::', '::1', '1::', '1:0:2:3:4:5:6:7', '1::2:0:0:5:6', '1:0:0:2::6', 'fe80::1:0:0:4']) {
    t.equal(addressText(rawAddress(text)), text)
  }
})

t.test('the parser accepts exactly the addresses that node:net accepts', async (t) => {
  const agree = (text: string) => (parseAddress(text) === undefined) === (isIP(text) === 0)
  fc.assert(fc.property(fc.string(), agree))
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0123456789abfF:.%x ')) }), agree), {
    numRuns: 2_000,
  })
  fc.assert(fc.property(nearlyAddresses, agree), { numRuns: 5_000 })
  for (const text of ['', ':', '::', ':::', '1', '1.2.3', '1.2.3.4.5', '::1::', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7']) {
    t.ok(agree(text), text)
  }
  for (const text of ['1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8', '1:2:3:4:5:6:1.2.3.4', '1.2.3.4::', '::1.2.3.4:5']) {
    t.ok(agree(text), text)
  }
})

t.test('a zone id is dropped, with any interface name', async (t) => {
  for (const zone of ['eth0', '2', 'br_lan', 'veth1.2', 'wg-a', 'ü']) {
    t.equal(hex(addressKey(`fe80::a1%${zone}`, whole)), '00000000000000a1', zone)
  }
  for (const text of ['fe80::1%', 'fe80::1%a b', 'fe80::1%a%b', '%eth0', '10.0.0.1%eth0']) {
    t.equal(parseAddress(text), undefined, text)
  }
})

t.test('an IPv4 address has 4 bytes, also when it is mapped into IPv6', async (t) => {
  t.equal(hex(addressKey('192.0.2.7', whole)), 'c0000207')
  t.equal(hex(addressKey('::ffff:192.0.2.7', whole)), 'c0000207')
  t.equal(hex(addressKey('::FFFF:c000:0207', whole)), 'c0000207')
  t.equal(hex(parseAddress('0:0:0:0:0:ffff:192.0.2.7')), 'c0000207')
  t.not(hex(addressKey('::fffe:192.0.2.7', whole)), 'c0000207', 'only ::ffff:0:0/96 is mapped')
  t.not(hex(addressKey('1::ffff:192.0.2.7', whole)), 'c0000207', 'only ::ffff:0:0/96 is mapped')
  t.not(hex(addressKey('0:0:0:1::ffff:192.0.2.7', whole)), 'c0000207', 'only ::ffff:0:0/96 is mapped')
})

t.test('only an IPv4-mapped address is folded, in the same memory', async (t) => {
  const mapped = rawAddress('::ffff:192.0.2.7')
  const folded = foldMapped(mapped)
  t.strictSame([...folded], [192, 0, 2, 7])
  mapped[15] = 8
  t.equal(folded[3], 8)
  for (const text of ['192.0.2.7', '::1', '::fffe:192.0.2.7']) {
    const address = rawAddress(text)
    t.equal(foldMapped(address), address, text)
  }
})

t.test('loopback addresses are 127.0.0.0/8, also mapped, and ::1', async (t) => {
  for (const text of ['127.0.0.1', '127.255.0.3', '::ffff:127.0.0.1', '::1', '0:0:0:0:0:0:0:1']) {
    t.equal(isLoopback(text), true, text)
  }
  for (const text of ['128.0.0.1', '0.0.0.0', '::', '::2', '::127.0.0.1', 'localhost', '']) {
    t.equal(isLoopback(text), false, text)
  }
  t.equal(isLoopback(undefined), false)
})

t.test('an endpoint is written as in a URL', async (t) => {
  t.equal(endpointText({ address: '127.0.0.1', port: 3000 }), '127.0.0.1:3000')
  t.equal(endpointText({ address: '::1', port: 80 }), '[::1]:80')
})

t.test('two addresses have the same key if and only if they agree up to the prefix', async () => {
  const pair = <T>(bytes: fc.Arbitrary<T>) => fc.tuple(bytes, bytes)
  const keyOf = (bytes: Buffer, affinity: typeof whole) => hex(bytesKey(Buffer.from(bytes), affinity))
  /** Two copies of b: one with the first `bits` bits of a, one that differs from it in the last of these bits. */
  const graft = (a: Buffer, b: Buffer, bits: number): [Buffer, Buffer] => {
    const [near, far] = [Buffer.from(b), Buffer.from(b)]
    for (const [copy, last] of [
      [near, bits],
      [far, bits - 1],
    ] as const) {
      for (let i = 0; i < last; i++) setBit(copy, i, bit(a, i))
    }
    setBit(far, bits - 1, 1 - bit(a, bits - 1))
    return [near, far]
  }
  fc.assert(
    fc.property(pair(ipv4Bytes), fc.integer({ min: 1, max: 32 }), ([a, b], ipv4Prefix) => {
      const [near, far] = graft(a, b, ipv4Prefix)
      const affinity = { ...whole, ipv4Prefix }
      return keyOf(a, affinity) === keyOf(near, affinity) && keyOf(a, affinity) !== keyOf(far, affinity)
    }),
  )
  const global = ipv6Bytes.map((bytes) => Buffer.concat([Buffer.from([0x20]), bytes.subarray(1)]))
  fc.assert(
    fc.property(pair(global), fc.integer({ min: 9, max: 128 }), ([a, b], ipv6Prefix) => {
      const [near, far] = graft(a, b, ipv6Prefix)
      const affinity = { ...whole, ipv6Prefix }
      return keyOf(a, affinity) === keyOf(near, affinity) && keyOf(a, affinity) !== keyOf(far, affinity)
    }),
  )
})

t.test('an IPv6 key is the first 64 bits, or all 128 where the prefix is longer', async (t) => {
  const text = '2001:db8:1:2:3:4:5:6'
  t.equal(hex(addressKey(text, whole)), '20010db800010002')
  t.equal(hex(addressKey(text, { ...whole, ipv6Prefix: 48 })), '20010db800010000')
  t.equal(hex(addressKey(text, { ...whole, ipv6Prefix: 65 })), '20010db8000100020000000000000000')
  t.equal(hex(addressKey(text, { ...whole, ipv6Prefix: 128 })), '20010db8000100020003000400050006')
})

t.test('link-local and unique-local addresses are distinguished by their low 64 bits', async (t) => {
  const low = (text: string) => hex(addressKey(text, { ...whole, ipv6Prefix: 48 }))
  for (const prefix of ['fe80', 'fe81', 'febf', 'fc00', 'fc12', 'fd00', 'fdff']) {
    t.equal(low(`${prefix}::1:2:3:4`), '0001000200030004', prefix)
  }
  for (const prefix of ['fe7f', 'fec0', 'fbff', 'fe00', 'ff02', '2001']) {
    t.equal(low(`${prefix}::1:2:3:4`), `${prefix}000000000000`, prefix)
  }
  t.equal(
    hex(addressKey('fe80::1:2:3:4', { ...whole, ipv6Prefix: 100 })),
    'fe800000000000000001000200030004',
    'with a long prefix the key is the whole address',
  )
})

t.test('a client without an address has no key', async (t) => {
  t.equal(addressKey(undefined, whole), undefined)
  t.equal(addressKey('', whole), undefined)
  t.equal(addressKey('localhost', whole), undefined)
})

function bit(bytes: Buffer, i: number): number {
  return (bytes[i >> 3]! >> (7 - (i & 7))) & 1
}

function setBit(bytes: Buffer, i: number, value: number): void {
  const mask = 0x80 >> (i & 7)
  bytes[i >> 3] = value === 1 ? bytes[i >> 3]! | mask : bytes[i >> 3]! & ~mask
}
