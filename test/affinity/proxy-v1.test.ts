import t from 'tap'
import { parseProxyHeader } from '../../src/affinity/proxy-header.ts'

const parse = (text: string) => parseProxyHeader(Buffer.from(text, 'latin1'), 4096)

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

t.test('version 1: a part is waited for, and no more is asked for than surely belongs to it', async (t) => {
  const line = 'PROXY TCP4 192.0.2.7 198.51.100.1 80 90\r\n'
  for (let length = 1; length < line.length; length++) {
    const verdict = parse(line.slice(0, length))
    t.equal(verdict.type, 'more', line.slice(0, length))
    if (verdict.type === 'more') t.ok(verdict.bytes >= 1 && length + verdict.bytes <= line.length)
  }
})
