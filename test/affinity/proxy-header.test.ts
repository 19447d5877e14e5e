import * as fc from 'fast-check'
import t from 'tap'
import { parseProxyHeader, type ProxyVerdict } from '../../src/affinity/proxy-header.ts'
import { ipv4Bytes, ipv6Bytes } from '../support/addresses.ts'
import { rawTlv, rawV2 } from '../support/raw-proxy-headers.ts'

const MAX = 4096
const parse = (bytes: Buffer) => parseProxyHeader(bytes, MAX)
const parseText = (text: string) => parse(Buffer.from(text, 'latin1'))

/** Reads as many bytes as the parser asks for. @returns the verdict, and how many bytes it read */
function readAsAsked(bytes: Buffer): { verdict: ProxyVerdict; read: number } {
  let read = 0
  for (;;) {
    const verdict = parse(bytes.subarray(0, read))
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

t.test('exactly the header is read, whatever follows it', async () => {
  fc.assert(
    fc.property(headers, fc.uint8Array({ maxLength: 50 }), (header, rest) => {
      const { verdict, read } = readAsAsked(Buffer.concat([header, rest]))
      return verdict.type === 'header' && verdict.length === header.length && read === header.length
    }),
    { numRuns: 2_000 },
  )
})

t.test('an incomplete header is never accepted, and the parser asks for no byte behind it', async () => {
  fc.assert(
    fc.property(headers, (header) => {
      for (let length = 0; length < header.length; length++) {
        const verdict = parse(header.subarray(0, length))
        if (verdict.type !== 'more' || verdict.bytes < 1 || length + verdict.bytes > header.length) return false
      }
      return true
    }),
  )
})

t.test('random bytes never throw, and give the same verdict in parts and as a whole', async () => {
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
      const { verdict, read } = readAsAsked(Buffer.from(bytes))
      const whole = parse(Buffer.from(bytes))
      if (verdict.type === 'header') return verdict.length === read && whole.type === 'header'
      return verdict.type === whole.type
    }),
    { numRuns: 5_000 },
  )
})

t.test('version 1: addresses and ports', async (t) => {
  t.match(parseText('PROXY TCP4 192.0.2.7 198.51.100.1 65535 0\r\n'), {
    type: 'header',
    length: 43,
    source: { address: Buffer.from([192, 0, 2, 7]), port: 65_535 },
    destination: { address: Buffer.from([198, 51, 100, 1]), port: 0 },
  })
  t.match(parseText('PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 2\r\n'), {
    source: { address: Buffer.from('20010db8000000000000000000000001', 'hex'), port: 1 },
    destination: { address: Buffer.from([192, 0, 2, 1]) },
  })
  t.notOk('source' in parseText('PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n'), 'UNKNOWN has no endpoints')
})

t.test('version 1: a header that breaks the rules is refused', async (t) => {
  for (const [text, reason] of [
    ['PROXY TCP4 192.0.2.7 198.51.100.1 65536 0\r\n', 'malformed'],
    ['PROXY TCP4 192.0.2.7 198.51.100.1 080 0\r\n', 'malformed'],
    ['PROXY TCP4 192.0.2.7 198.51.100.1 +80 0\r\n', 'malformed'],
    ['PROXY TCP4 192.0.2.7 198.51.100.1 80\r\n', 'malformed'],
    ['PROXY TCP4 192.0.2.7 198.51.100.1 80 90 1\r\n', 'malformed'],
    ['PROXY TCP4  192.0.2.7 198.51.100.1 80 90\r\n', 'malformed'],
    ['PROXY TCP4 192.0.2.07 198.51.100.1 80 90\r\n', 'malformed'],
    ['PROXY TCP4 ::1 ::1 80 90\r\n', 'malformed'],
    ['PROXY TCP6 192.0.2.7 198.51.100.1 80 90\r\n', 'malformed'],
    ['PROXY TCP6 fe80::1%eth0 ::1 80 90\r\n', 'malformed'],
    ['PROXY TCP4 192.0.2.7 198.51.100.1 80 90\rX', 'malformed'],
    ['PROXY TCP5 1', 'malformed'],
    ['PROXY tcp4 1', 'malformed'],
    ['PROXY UNKNOWNX\r\n', 'malformed'],
    [`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`, 'too-long'],
    [`PROXY UNKNOWN ${'x'.repeat(92)}`, 'too-long'],
    [`PROXY TCP4 192.0.2.7 198.51.100.1 80 90${' '.repeat(20)}\r\n`, 'too-long'],
    ['PROXX', 'missing'],
    ['GET / HTTP/1.1\r\n', 'missing'],
    ['\x16\x03\x01', 'missing'],
  ] as const) {
    t.match(parseText(text), { type: 'bad', reason }, JSON.stringify(text))
  }
  t.match(parseText(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), { type: 'header', length: 107 })
})

t.test('version 1: for an incomplete line the parser asks for no more bytes than the line has', async (t) => {
  const line = 'PROXY TCP4 192.0.2.7 198.51.100.1 80 90\r\n'
  for (let length = 1; length < line.length; length++) {
    const verdict = parseText(line.slice(0, length))
    t.equal(verdict.type, 'more', line.slice(0, length))
    if (verdict.type === 'more') t.ok(verdict.bytes >= 1 && length + verdict.bytes <= line.length)
  }
})

t.test('version 2: addresses of each family', async (t) => {
  t.match(parse(rawV2(0x21, 0x11, 'c0000207c6336401ffff0050')), {
    type: 'header',
    source: { address: Buffer.from([192, 0, 2, 7]), port: 65_535 },
    destination: { address: Buffer.from([198, 51, 100, 1]), port: 80 },
  })
  const mapped = '00000000000000000000ffffc0000207'
  const six = '20010db8000000000000000000000001'
  t.match(parse(rawV2(0x21, 0x21, `${mapped}${six}00010002`)), {
    source: { address: Buffer.from([192, 0, 2, 7]), port: 1 },
    destination: { address: Buffer.from(six, 'hex'), port: 2 },
  })
  for (const [what, header] of [
    ['a health check', rawV2(0x20, 0x11, 'c0000207c6336401ffff0050')],
    ['a health check without anything', rawV2(0x20, 0, '')],
    ['an unknown protocol', rawV2(0x21, 0, 'abcdef')],
    ['a Unix socket', rawV2(0x21, 0x31, '00'.repeat(216))],
  ] as const) {
    const verdict = parse(header)
    t.match(verdict, { type: 'header', length: header.length }, what)
    t.notOk('source' in verdict, 'has no endpoints')
  }
})

t.test('version 2: a header that breaks the rules is refused', async (t) => {
  const address = 'c0000207c6336401ffff0050'
  for (const [what, header] of [
    ['version 1 in the binary form', rawV2(0x11, 0x11, address)],
    ['an unknown command', rawV2(0x22, 0x11, address)],
    ['an unknown family', rawV2(0x21, 0x41, address)],
    ['an unknown transport', rawV2(0x21, 0x13, address)],
    ['too few bytes for its addresses', rawV2(0x21, 0x11, address.slice(2))],
    ['a TLV without its length', rawV2(0x21, 0x11, `${address}0500`)],
    ['a TLV past the end', rawV2(0x21, 0x11, `${address}050002ff`)],
    ['a checksum of three bytes', rawV2(0x21, 0x11, `${address}030003000000`)],
    ['two checksums', rawV2(0x21, 0x11, `${address}0300040000000003000400000000`)],
  ] as const) {
    t.match(parse(header), { type: 'bad', reason: 'malformed' }, what)
  }
  t.match(parse(rawV2(0x21, 0x11, `${address}03000400000000`)), { type: 'bad', reason: 'checksum' })
  const long = rawV2(0x21, 0x11, address + rawTlv(0x20, Buffer.alloc(5_000)))
  t.match(parse(long.subarray(0, 16)), { type: 'bad', reason: 'too-long' }, 'before the rest is read')
})

t.test("version 2: the example in AWS's documentation, with its checksum and its endpoint id", async (t) => {
  const captured = rawV2(
    0x21,
    0x11,
    'ac1f0771ac1f0a1fc8f20050' +
      '030004e8d6892d' +
      rawTlv(0xea, Buffer.from('\x01vpce-08d2bf15fac5001c9')) +
      rawTlv(0x04, Buffer.alloc(36)),
  )
  const verdict = parse(captured)
  t.match(verdict, { type: 'header', length: 100, source: { address: Buffer.from([172, 31, 7, 113]), port: 51_442 } })
  const found = verdict.type === 'header' ? verdict.tlvs : []
  t.strictSame(
    found.map(({ type }) => type),
    [0x03, 0xea],
    'padding is left out',
  )
  t.equal(found[1]!.value.toString('latin1', 1), 'vpce-08d2bf15fac5001c9')
  captured[20]! ^= 1
  t.match(parse(captured), { type: 'bad', reason: 'checksum' })
})

t.test('version 2: a header captured behind an AWS endpoint, with its checksum', async (t) => {
  const captured = rawV2(
    0x21,
    0x11,
    'c0a82c0ac0a82c07cc3e241b' +
      '030004b9286fa6' +
      rawTlv(0xea, Buffer.from('\x01vpce-00eafc458ec97b833')) +
      rawTlv(0x04, Buffer.alloc(36)),
  )
  const verdict = parse(captured)
  t.match(verdict, {
    type: 'header',
    length: 100,
    source: { address: Buffer.from([192, 168, 44, 10]), port: 52_286 },
    destination: { address: Buffer.from([192, 168, 44, 7]), port: 9_243 },
    tlvs: [{ type: 0x03 }, { type: 0xea, value: Buffer.from('\x01vpce-00eafc458ec97b833') }],
  })
  // A wrong bit in the type of the checksum field hides the checksum.
  const type = 28
  for (let at = 16; at < captured.length; at++) {
    if (at === type) continue
    const broken = Buffer.from(captured)
    broken[at]! ^= 0x10
    t.match(parse(broken), { type: 'bad' }, `a bit of byte ${at}`)
  }
})

t.test('version 2: the TLS fields of HAProxy', async (t) => {
  const withName = rawV2(
    0x21,
    0x11,
    '7f0000017f000001cc8a232e' +
      rawTlv(0x20, Buffer.from('\x07\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x1fExample Common Name Client Cert')),
  )
  t.match(parse(withName), {
    type: 'header',
    length: 80,
    source: { address: Buffer.from([127, 0, 0, 1]), port: 52_362 },
    tlvs: [{ type: 0x20, value: /Example Common Name/ }],
  })
  // IPv4 on a dual-stack socket.
  const withCipher = rawV2(
    0x21,
    0x21,
    '00000000000000000000ffff0a015b0e00000000000000000000ffff0a01019ff47c01bb' +
      rawTlv(0x20, Buffer.from('\x01\0\0\0\0\x21\0\x07TLSv1.3\x23\0\x16TLS_AES_256_GCM_SHA384')),
  )
  t.match(parse(withCipher), {
    type: 'header',
    length: 95,
    source: { address: Buffer.from([10, 1, 91, 14]), port: 62_588 },
    destination: { address: Buffer.from([10, 1, 1, 159]), port: 443 },
    tlvs: [{ type: 0x20, value: /TLS_AES_256_GCM_SHA384/ }],
  })
})

t.test('version 2: the parser asks for the fixed part first, then for the rest', async (t) => {
  const header = rawV2(0x21, 0x11, `c0000207c6336401ffff0050${rawTlv(5, Buffer.alloc(30))}`)
  for (let length = 1; length < header.length; length++) {
    const end = length < 16 ? 16 : header.length
    t.match(parse(header.subarray(0, length)), { type: 'more', bytes: end - length })
  }
})
