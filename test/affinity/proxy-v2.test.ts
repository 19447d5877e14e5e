import t from 'tap'
import { parseProxyHeader } from '../../src/affinity/proxy-header.ts'
import { rawTlv, rawV2 } from '../support/raw-proxy-headers.ts'

const parse = (header: Buffer) => parseProxyHeader(header, 4096)

t.test('version 2: the addresses of each family', async (t) => {
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
    t.notOk('source' in verdict, 'has the real endpoints')
  }
})

t.test('version 2: to the letter', async (t) => {
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
  t.match(parse(long.subarray(0, 16)), { type: 'bad', reason: 'too-long' }, 'before a byte more is read')
})

t.test("version 2: AWS's own example, with its checksum and its endpoint id", async (t) => {
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
    'padding is not told',
  )
  t.equal(found[1]!.value.toString('latin1', 1), 'vpce-08d2bf15fac5001c9')
  captured[20]! ^= 1
  t.match(parse(captured), { type: 'bad', reason: 'checksum' })
})

t.test('version 2: what was captured behind an AWS endpoint, with its checksum', async (t) => {
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

t.test('version 2: a part is waited for, first the length and then all of the rest', async (t) => {
  const header = rawV2(0x21, 0x11, `c0000207c6336401ffff0050${rawTlv(5, Buffer.alloc(30))}`)
  for (let length = 1; length < header.length; length++) {
    const end = length < 16 ? 16 : header.length
    t.match(parse(header.subarray(0, length)), { type: 'more', bytes: end - length })
  }
})
