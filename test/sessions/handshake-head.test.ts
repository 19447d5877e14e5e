import * as fc from 'fast-check'
import t from 'tap'
import { HandshakeHead } from '../../src/sessions/handshake-head.ts'

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\n'
const FIELDS = 'Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const FRAMES = '\x81\x05HTTP/1.1 101 \r\n'

/** What is written to a socket, and where a header can stand; undefined: nowhere. */
const ANSWERS: [name: string, text: string, place: number | undefined][] = [
  ['a 101', SWITCHING + FIELDS, SWITCHING.length],
  ['a 101 with frames behind it', SWITCHING + FIELDS + FRAMES, SWITCHING.length],
  ['a 101 without a reason', `HTTP/1.1 101\r\n${FIELDS}`, 14],
  ['a 101 of HTTP/1.0', `HTTP/1.0 101 x\r\n${FIELDS}`, 16],
  ['a 101 with simple line ends', `HTTP/1.1 101 x\nUpgrade: a\n\n`, 15],
  [
    'a 101 after interim answers',
    `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${SWITCHING}${FIELDS}`,
    27 + 37 + SWITCHING.length,
  ],
  ['a refusal', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n', undefined],
  ['a refusal that names 101', 'HTTP/1.1 400 101 \r\n\r\n', undefined],
  ['a refusal and a 101', `HTTP/1.1 200 OK\r\n\r\n${SWITCHING}${FIELDS}`, undefined],
  ['an interim answer and a refusal', 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 401 x\r\n\r\n', undefined],
  ['no HTTP', FRAMES, undefined],
  ['no HTTP/1', 'HTTP/2 101 x\r\n\r\n', undefined],
  ['an endless status line', `HTTP/1.1 101 ${'x'.repeat(70_000)}`, undefined],
  ['an endless interim answer', `HTTP/1.1 102 x\r\n${'a: b\r\n'.repeat(12_000)}`, undefined],
  ['an endless line in an interim answer', `HTTP/1.1 102 x\r\n${'a'.repeat(70_000)}`, undefined],
]

for (const [name, text, place] of ANSWERS) {
  t.test(`the place for a header is the same however the bytes are cut: ${name}`, async () => {
    const bytes = Buffer.from(text, 'latin1')
    const cuts = fc.array(fc.nat({ max: Math.min(bytes.length, 200) }), { maxLength: 8 })
    fc.assert(fc.property(cuts, (at) => placeIn(pieces(bytes, at)) === place))
    if (bytes.length < 500)
      fc.assert(fc.property(fc.constant(pieces(bytes, [...bytes.keys()])), (each) => placeIn(each) === place))
  })
}

t.test('nothing is looked at when the answer is known', async (t) => {
  for (const first of [SWITCHING, 'HTTP/1.1 400 ', 'GET', '\x81\x05hello', 'HTTP/1.1 400 Bad Request\r\n']) {
    const head = new HandshakeHead()
    head.find(Buffer.from(first, 'latin1'))
    if (first !== 'HTTP/1.1 400 ') t.ok(head.isDone, first)
    else t.notOk(head.isDone, 'the status line is not complete')
  }
  const head = new HandshakeHead()
  head.find(Buffer.from(SWITCHING))
  t.equal(head.find(Buffer.from(SWITCHING)), undefined)
  const endless = new HandshakeHead()
  for (let n = 0; n < 3; n++) endless.find(Buffer.from(`HTTP/1.1 101 ${'x'.repeat(500)}`))
  t.ok(endless.isDone)
})

function pieces(bytes: Buffer, cuts: number[]): Buffer[] {
  const ends = [...cuts, bytes.length].sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

/** The place in all the bytes. */
function placeIn(all: Buffer[]): number | undefined {
  const head = new HandshakeHead()
  let before = 0
  for (const piece of all) {
    const at = head.find(piece)
    if (at !== undefined) return before + at
    before += piece.length
  }
  return undefined
}
