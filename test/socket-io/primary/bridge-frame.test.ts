import * as fc from 'fast-check'
import t from 'tap'
import { decodeFrame, encodeFrame, type Frame } from '../../../src/socket-io/primary/bridge-frame.ts'

const text = fc.string({ unit: 'grapheme' })
const from = { from: text, name: text }
const nodes = fc.array(fc.tuple(text, text))
const bytes = fc.uint8Array().map((array) => Buffer.from(array))
const message = fc.record(
  {
    source: fc.constant('_sio_adapter' as const),
    uid: text,
    nsp: text,
    type: fc.nat(),
    requesterUid: text,
    packed: bytes,
  },
  { requiredKeys: ['source', 'uid', 'nsp', 'type'] },
)
const frame = fc.oneof(
  fc.record({ ...from, kind: fc.constantFrom('hello' as const, 'here' as const), nodes }),
  fc.record({ ...from, kind: fc.constantFrom('bye' as const, 'ping' as const) }),
  fc.record({ ...from, kind: fc.constant('messages' as const), messages: fc.array(message) }),
) as fc.Arbitrary<Frame>

t.test('every frame is read as it was encoded', async (t) => {
  fc.assert(fc.property(frame, (sent) => t.same(decodeFrame(encodeFrame(sent)), { version: 1, ...sent })))
})

t.test('content in base64, from a channel that carries JSON, travels as bytes', async (t) => {
  const packed = Buffer.from([0, 255, 1])
  const one = { source: '_sio_adapter', uid: 'a', nsp: '/', type: 3 } as const
  const sent = {
    from: 'a',
    name: 'b',
    kind: 'messages',
    messages: [{ ...one, packed: packed.toString('base64') }],
  } as const
  t.match(decodeFrame(encodeFrame({ ...sent, messages: [...sent.messages] })), { messages: [{ ...one, packed }] })
})

t.test('bytes are no frame when some are missing or follow', async () => {
  fc.assert(
    fc.property(frame, fc.nat(), (sent, cut) => {
      const whole = encodeFrame(sent)
      const isCutOff = decodeFrame(whole.subarray(0, cut % whole.length)) === undefined
      const isLonger = sent.kind !== 'messages' || decodeFrame(Buffer.concat([whole, Buffer.from('x')])) === undefined
      return isCutOff && isLonger
    }),
  )
})

t.test('other bytes, and frames of another version, are no frames and throw no error', async (t) => {
  fc.assert(fc.property(fc.uint8Array(), (any) => decodeFrame(Buffer.from(any)) === undefined))
  const head = (content: unknown): Buffer => {
    const json = Buffer.from(JSON.stringify(content))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(json.length)
    return Buffer.concat([length, json])
  }
  const good = { version: 1, from: 'a', name: 'b', kind: 'bye' }
  t.match(decodeFrame(head(good)), { kind: 'bye' })
  for (const bad of [
    null,
    7,
    [],
    { ...good, version: 2 },
    { ...good, from: 7 },
    { ...good, kind: 'hi' },
    { ...good, kind: 'hello' },
    { ...good, kind: 'hello', nodes: [['a']] },
    { ...good, kind: 'here', nodes: [['a', 7]] },
    { ...good, kind: 'messages', messages: {} },
    { ...good, kind: 'messages', messages: [null] },
    { ...good, kind: 'messages', messages: [{ uid: 'a', nsp: '/', type: 3 }] },
    { ...good, kind: 'messages', messages: [{ uid: 'a', nsp: '/', type: 3, size: 5 }] },
    { ...good, kind: 'messages', messages: [{ uid: 'a', nsp: '/', type: 3, size: 0, requesterUid: 7 }] },
    { ...good, kind: 'messages', messages: [{ uid: 7, nsp: '/', type: 3, size: 0 }] },
  ]) {
    t.equal(decodeFrame(head(bad)), undefined, JSON.stringify(bad))
  }
  fc.assert(fc.property(fc.jsonValue(), (any) => decodeFrame(head(any)) === undefined))
})
