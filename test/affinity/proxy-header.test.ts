// What holds for both versions; each has its own file for the rest.
import * as fc from 'fast-check'
import t from 'tap'
import { parseProxyHeader } from '../../src/affinity/proxy-header.ts'
import type { ProxyVerdict } from '../../src/affinity/proxy-verdict.ts'
import { ipv4Bytes, ipv6Bytes } from '../support/addresses.ts'
import { rawTlv, rawV2 } from '../support/raw-proxy-headers.ts'

const MAX = 4096

/** Reads as it is told to, byte for byte. @returns the verdict and what was read */
function obey(bytes: Buffer): { verdict: ProxyVerdict; read: number } {
  let read = 0
  for (;;) {
    const verdict = parseProxyHeader(bytes.subarray(0, read), MAX)
    if (verdict.type !== 'more' || read === bytes.length) return { verdict, read }
    read = Math.min(bytes.length, read + verdict.bytes)
  }
}

const port = fc.nat({ max: 65_535 })
const dotted = (bytes: Uint8Array) => bytes.join('.')
const colons = (bytes: Buffer) => Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':')

const textHeaders = fc.oneof(
  fc
    .tuple(ipv4Bytes, ipv4Bytes, port, port)
    .map(([a, b, c, d]) => `PROXY TCP4 ${dotted(a)} ${dotted(b)} ${c} ${d}\r\n`),
  fc
    .tuple(ipv6Bytes, ipv6Bytes, port, port)
    .map(([a, b, c, d]) => `PROXY TCP6 ${colons(a)} ${colons(b)} ${c} ${d}\r\n`),
  fc.constantFrom('PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff::1 whatever this is\r\n'),
)

const tlvs = fc
  .array(fc.tuple(fc.integer({ min: 5, max: 255 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 5 })
  .map((list) => list.map(([type, value]) => rawTlv(type, Buffer.from(value))).join(''))

const binaryHeaders = fc.oneof(
  fc.tuple(fc.uint8Array({ minLength: 12, maxLength: 12 }), tlvs).map(([a, b]) => rawV2(0x21, 0x11, hex(a) + b)),
  fc.tuple(fc.uint8Array({ minLength: 36, maxLength: 36 }), tlvs).map(([a, b]) => rawV2(0x21, 0x21, hex(a) + b)),
  fc.tuple(fc.uint8Array({ minLength: 216, maxLength: 216 }), tlvs).map(([a, b]) => rawV2(0x21, 0x31, hex(a) + b)),
  fc.uint8Array({ maxLength: 50 }).map((rest) => rawV2(0x20, 0, hex(rest))),
  fc.uint8Array({ maxLength: 50 }).map((rest) => rawV2(0x21, 0, hex(rest))),
)

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const headers = fc.oneof(
  textHeaders.map((text) => Buffer.from(text)),
  binaryHeaders,
)

t.test('exactly the header is read, whatever follows it and however it comes', async () => {
  fc.assert(
    fc.property(headers, fc.uint8Array({ maxLength: 50 }), (header, rest) => {
      const { verdict, read } = obey(Buffer.concat([header, rest]))
      return verdict.type === 'header' && verdict.length === header.length && read === header.length
    }),
    { numRuns: 2_000 },
  )
})

t.test('every split gives the same verdict, and a part is never taken for the whole', async () => {
  fc.assert(
    fc.property(headers, (header) => {
      for (let length = 0; length < header.length; length++) {
        const verdict = parseProxyHeader(header.subarray(0, length), MAX)
        if (verdict.type !== 'more' || verdict.bytes < 1 || length + verdict.bytes > header.length) return false
      }
      return true
    }),
  )
})

t.test('noise is refused or waited for, never taken, and nothing throws', async () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(headers, fc.nat(), fc.nat({ max: 255 })).map(([header, at, byte]) => {
      const bytes = Buffer.from(header)
      bytes[at % bytes.length] = byte
      return bytes
    }),
  )
  fc.assert(
    fc.property(noise, (bytes) => {
      const { verdict, read } = obey(Buffer.from(bytes))
      const whole = parseProxyHeader(Buffer.from(bytes), MAX)
      if (verdict.type === 'header') return verdict.length === read && whole.type === 'header'
      return verdict.type === whole.type
    }),
    { numRuns: 5_000 },
  )
})
