import * as fc from 'fast-check'
import t from 'tap'
import { crc32c } from '../../src/affinity/crc32c.ts'
import { parseProxyHeader } from '../../src/affinity/proxy-header.ts'
import type { ProxyVerdict } from '../../src/affinity/proxy-verdict.ts'
import { ipv4Bytes, ipv6Bytes } from '../support/addresses.ts'

const MAX = 4096
const signature = '0d0a0d0a000d0a515549540a'
const parse = (text: string | Buffer) => parseProxyHeader(Buffer.from(text as string, 'latin1'), MAX)

/** A binary header: version and command, family and transport, and what follows. */
const v2 = (command: number, family: number, rest: string) => {
  const bytes = Buffer.from(rest, 'hex')
  const fixed = Buffer.from(`${signature}0000${bytes.length.toString(16).padStart(4, '0')}`, 'hex')
  fixed[12] = command
  fixed[13] = family
  return Buffer.concat([fixed, bytes])
}

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
  .map((list) => list.map(([type, value]) => tlv(type, Buffer.from(value))).join(''))

function tlv(type: number, value: Buffer): string {
  return `${type.toString(16).padStart(2, '0')}${value.length.toString(16).padStart(4, '0')}${value.toString('hex')}`
}

const binaryHeaders = fc.oneof(
  fc.tuple(fc.uint8Array({ minLength: 12, maxLength: 12 }), tlvs).map(([a, b]) => v2(0x21, 0x11, hex(a) + b)),
  fc.tuple(fc.uint8Array({ minLength: 36, maxLength: 36 }), tlvs).map(([a, b]) => v2(0x21, 0x21, hex(a) + b)),
  fc.tuple(fc.uint8Array({ minLength: 216, maxLength: 216 }), tlvs).map(([a, b]) => v2(0x21, 0x31, hex(a) + b)),
  fc.uint8Array({ maxLength: 50 }).map((rest) => v2(0x20, 0, hex(rest))),
  fc.uint8Array({ maxLength: 50 }).map((rest) => v2(0x21, 0, hex(rest))),
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

t.test('version 1: the addresses and ports as they were written', async (t) => {
  t.match(parse('PROXY TCP4 192.0.2.7 198.51.100.1 65535 0\r\n'), {
    type: 'header',
    length: 43,
    source: { address: Buffer.from([192, 0, 2, 7]), port: 65_535 },
    destination: { address: Buffer.from([198, 51, 100, 1]), port: 0 },
  })
  t.match(parse('PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 2\r\n'), {
    source: { address: Buffer.from('20010db8000000000000000000000001', 'hex'), port: 1 },
    destination: { address: Buffer.from([192, 0, 2, 1]) },
  })
  t.notOk('source' in parse('PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n'), 'unknown: the real endpoints')
})

t.test('version 1: to the letter', async (t) => {
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
    t.match(parse(text), { type: 'bad', reason }, JSON.stringify(text))
  }
  t.match(parse(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), { type: 'header', length: 107 })
})

t.test('version 2: the addresses of each family', async (t) => {
  t.match(parse(v2(0x21, 0x11, 'c0000207c6336401ffff0050')), {
    type: 'header',
    source: { address: Buffer.from([192, 0, 2, 7]), port: 65_535 },
    destination: { address: Buffer.from([198, 51, 100, 1]), port: 80 },
  })
  const mapped = '00000000000000000000ffffc0000207'
  const six = '20010db8000000000000000000000001'
  t.match(parse(v2(0x21, 0x21, `${mapped}${six}00010002`)), {
    source: { address: Buffer.from([192, 0, 2, 7]), port: 1 },
    destination: { address: Buffer.from(six, 'hex'), port: 2 },
  })
  for (const [what, header] of [
    ['a health check', v2(0x20, 0x11, 'c0000207c6336401ffff0050')],
    ['a health check without anything', v2(0x20, 0, '')],
    ['an unknown protocol', v2(0x21, 0, 'abcdef')],
    ['a Unix socket', v2(0x21, 0x31, '00'.repeat(216))],
  ] as const) {
    const verdict = parse(header)
    t.match(verdict, { type: 'header', length: header.length }, what)
    t.notOk('source' in verdict, 'has the real endpoints')
  }
})

t.test('version 2: to the letter', async (t) => {
  const address = 'c0000207c6336401ffff0050'
  for (const [what, header] of [
    ['version 1 in the binary form', v2(0x11, 0x11, address)],
    ['an unknown command', v2(0x22, 0x11, address)],
    ['an unknown family', v2(0x21, 0x41, address)],
    ['an unknown transport', v2(0x21, 0x13, address)],
    ['too few bytes for its addresses', v2(0x21, 0x11, address.slice(2))],
    ['a TLV without its length', v2(0x21, 0x11, `${address}0500`)],
    ['a TLV past the end', v2(0x21, 0x11, `${address}050002ff`)],
    ['a checksum of three bytes', v2(0x21, 0x11, `${address}030003000000`)],
    ['two checksums', v2(0x21, 0x11, `${address}0300040000000003000400000000`)],
  ] as const) {
    t.match(parse(header), { type: 'bad', reason: 'malformed' }, what)
  }
  t.match(parse(v2(0x21, 0x11, `${address}03000400000000`)), { type: 'bad', reason: 'checksum' })
  const long = v2(0x21, 0x11, address + tlv(0x20, Buffer.alloc(5_000)))
  t.match(parse(long.subarray(0, 16)), { type: 'bad', reason: 'too-long' }, 'before a byte more is read')
})

t.test("version 2: AWS's own example, with its checksum and its endpoint id", async (t) => {
  const captured = v2(
    0x21,
    0x11,
    'ac1f0771ac1f0a1fc8f20050' +
      '030004e8d6892d' +
      tlv(0xea, Buffer.from('\x01vpce-08d2bf15fac5001c9')) +
      tlv(0x04, Buffer.alloc(36)),
  )
  const verdict = parse(captured)
  t.match(verdict, { type: 'header', length: 100, source: { address: Buffer.from([172, 31, 7, 113]), port: 51_442 } })
  const found = verdict.type === 'header' ? verdict.tlvs : []
  t.strictSame(
    found.map(({ type }) => type),
    [0x03, 0xea],
    'padding is not told',
  )
  t.equal(found[1]!.value.toString('latin1', 1), 'vpce-08d2bf15fac5001c9')
  captured[20]! ^= 1
  t.match(parse(captured), { type: 'bad', reason: 'checksum' })
})

t.test('version 2: what was captured behind an AWS endpoint, with its checksum', async (t) => {
  const captured = v2(
    0x21,
    0x11,
    'c0a82c0ac0a82c07cc3e241b' +
      '030004b9286fa6' +
      tlv(0xea, Buffer.from('\x01vpce-00eafc458ec97b833')) +
      tlv(0x04, Buffer.alloc(36)),
  )
  const verdict = parse(captured)
  t.match(verdict, {
    type: 'header',
    length: 100,
    source: { address: Buffer.from([192, 168, 44, 10]), port: 52_286 },
    destination: { address: Buffer.from([192, 168, 44, 7]), port: 9_243 },
    tlvs: [{ type: 0x03 }, { type: 0xea, value: Buffer.from('\x01vpce-00eafc458ec97b833') }],
  })
  // Where the type of the checksum's own field is broken, there is none.
  const type = 28
  for (let at = 16; at < captured.length; at++) {
    if (at === type) continue
    const broken = Buffer.from(captured)
    broken[at]! ^= 0x10
    t.match(parse(broken), { type: 'bad' }, `a bit of byte ${at}`)
  }
})

t.test('version 2: what HAProxy tells of TLS', async (t) => {
  const withName = v2(
    0x21,
    0x11,
    '7f0000017f000001cc8a232e' +
      tlv(0x20, Buffer.from('\x07\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x1fExample Common Name Client Cert')),
  )
  t.match(parse(withName), {
    type: 'header',
    length: 80,
    source: { address: Buffer.from([127, 0, 0, 1]), port: 52_362 },
    tlvs: [{ type: 0x20, value: /Example Common Name/ }],
  })
  // IPv4 on a dual-stack socket.
  const withCipher = v2(
    0x21,
    0x21,
    '00000000000000000000ffff0a015b0e00000000000000000000ffff0a01019ff47c01bb' +
      tlv(0x20, Buffer.from('\x01\0\0\0\0\x21\0\x07TLSv1.3\x23\0\x16TLS_AES_256_GCM_SHA384')),
  )
  t.match(parse(withCipher), {
    type: 'header',
    length: 95,
    source: { address: Buffer.from([10, 1, 91, 14]), port: 62_588 },
    destination: { address: Buffer.from([10, 1, 1, 159]), port: 443 },
    tlvs: [{ type: 0x20, value: /TLS_AES_256_GCM_SHA384/ }],
  })
})

t.test('CRC-32C has the check value of its definition', async (t) => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
})
