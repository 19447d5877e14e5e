import { deepEqual } from 'node:assert'
import * as fc from 'fast-check'
import t from 'tap'
import { clearFinal, decodeMetadata, encodeMetadata, isLocal, listenerIn } from '../../src/transport/metadata.ts'

const bytes = fc.option(
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array)),
  {
    nil: undefined,
  },
)
const metadata = fc.record({
  listener: fc.nat({ max: 255 }),
  isLocal: fc.boolean(),
  header: bytes,
  head: bytes,
  moved: fc.option(fc.record({ from: fc.nat({ max: 255 }), isFinal: fc.boolean() }), { nil: undefined }),
})

t.test('what is encoded is decoded', async () => {
  fc.assert(fc.property(metadata, (one) => deepEqual({ ...decodeMetadata(encodeMetadata(one)) }, { ...one })))
})

t.test('the listener is 0 where nothing travels with the connection', async (t) => {
  t.equal(listenerIn(undefined), 0)
  t.equal(isLocal(undefined), false)
  t.equal(listenerIn(encodeMetadata({ listener: 7, head: Buffer.from('GET') })), 7)
})

t.test('to clear the final flag changes nothing else', async (t) => {
  const one = { listener: 3, isLocal: true, header: Buffer.from('h'), head: Buffer.from('x') }
  const encoded = clearFinal(encodeMetadata({ ...one, moved: { from: 9, isFinal: true } }))
  t.strictSame(decodeMetadata(encoded), { ...one, moved: { from: 9, isFinal: false } })
})
