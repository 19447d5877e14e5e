import * as fc from 'fast-check'
import t from 'tap'
import { deserialize } from 'node:v8'
import { plain, serializePlain, serializeStrictlyPlain, snapshot, strictlyPlain } from '../../src/socket-io/plain.ts'

const bytes = fc.uint8Array({ maxLength: 8 })

t.test('a plain value stays the same object', async () => {
  const value = fc.object({ values: [fc.string(), fc.double(), fc.boolean(), fc.constant(null), bytes, fc.date()] })
  fc.assert(fc.property(value, (given) => plain(given) === given))
})

t.test('any value can be serialized as JSON and by V8, and equals what JSON makes of it', async () => {
  const odd = [fc.constant(() => {}), fc.constant(Symbol('odd')), fc.bigInt(), fc.constant(undefined)]
  const withToJson = fc.string().map((text) => ({ text, toJSON: () => ({ text }) }))
  const value = fc.object({ values: [fc.string(), fc.integer(), withToJson, ...odd], withBoxedValues: true })
  const asText = (_: string, one: unknown) => (typeof one === 'bigint' ? String(one) : one)
  fc.assert(
    fc.property(value, (given) => {
      const expected = JSON.stringify(given, asText)
      return (
        JSON.stringify(plain(given)) === expected && JSON.stringify(deserialize(serializePlain(given))) === expected
      )
    }),
  )
})

t.test('the result of toJSON replaces an object, and its own toJSON is not called', async (t) => {
  const self = { a: 1, toJSON: () => self }
  const twice = { toJSON: () => ({ b: 2, toJSON: () => 'never' }) }
  t.strictSame(plain({ url: new URL('http://localhost/'), self, twice }), {
    url: 'http://localhost/',
    self: { a: 1 },
    twice: { b: 2 },
  })
})

t.test('bytes, dates, maps and sets stay', async (t) => {
  const given = { buffer: Buffer.from('ab'), floats: new Float32Array([1]), raw: new ArrayBuffer(2), date: new Date(1) }
  t.equal(plain(given), given)
  const { buffer, byteOffset } = given.floats
  t.strictSame(plain(given, { asBuffers: true }), {
    ...given,
    floats: Buffer.from(buffer, byteOffset, 4),
    raw: Buffer.alloc(2),
  })
  const kept = new Map<unknown, unknown>([['url', new URL('http://localhost/')]])
  t.strictSame(plain(kept), new Map([['url', 'http://localhost/']]))
  t.strictSame(plain(new Set([1n])), new Set(['1']))
})

t.test('a reference to an object above is left out', async (t) => {
  const data: Record<string, unknown> = { name: 'Ada' }
  data['self'] = data
  data['list'] = [1, data]
  class Node {
    next: unknown = new Map([['back', this]])
  }
  data['node'] = new Node()
  data['timer'] = setInterval(() => {}, 60_000).unref()
  data['immediate'] = setImmediate(() => {})
  t.strictSame(plain(data), { name: 'Ada', list: [1, null] })
})

t.test('getters and toJSON that throw, deep data and what V8 refuses throw no error', async (t) => {
  const getter = {
    first: 1,
    get broken() {
      throw new Error('broken')
    },
    last: 2,
  }
  const rude = {
    toJSON() {
      throw new Error('rude')
    },
  }
  t.strictSame(plain({ getter, rude }), { getter: { first: 1, last: 2 } })
  let deep: object = {}
  for (let n = 0; n < 100_000; n++) deep = { deep }
  t.ok(serializePlain(deep).length > 1_000)
  t.strictSame(plain({ a: { b: { c: 1 } } }, { maxDepth: 2 }), { a: {} })
  const proxy = new Proxy({ a: [new Proxy([1], {})] }, {})
  t.strictSame(deserialize(serializePlain({ proxy })), { proxy: { a: [[1]] } })
  const gone = new ArrayBuffer(8)
  structuredClone(gone, { transfer: [gone] })
  t.strictSame(deserialize(serializePlain({ gone, name: 'Ada' })), { gone: {}, name: 'Ada' })
})

t.test('strictly, a value is what JSON makes of it, or throws where JSON throws', async () => {
  const odd = [fc.constant(() => {}), fc.constant(Symbol('odd')), fc.bigInt(), fc.constant(undefined)]
  const value = fc.object({ values: [fc.string(), fc.integer(), ...odd], withBoxedValues: true })
  const text = (make: () => unknown) => {
    try {
      return JSON.stringify(make())
    } catch (error) {
      return (error as Error).name
    }
  }
  fc.assert(fc.property(value, (given) => text(() => strictlyPlain(given)) === text(() => given)))
})

t.test('strictly, nothing is left out silently', async (t) => {
  const circular: { self?: object } = {}
  circular.self = circular
  t.throws(() => strictlyPlain(circular), TypeError)
  t.throws(() => strictlyPlain({ timer: setInterval(() => {}, 60_000).unref() }), TypeError)
  t.throws(() => strictlyPlain({ a: { b: { c: 1 } } }, { maxDepth: 2 }), RangeError)
  const broken = {
    get broken() {
      throw new Error('broken')
    },
  }
  t.throws(() => strictlyPlain({ broken }), /broken/)
  t.throws(() => serializeStrictlyPlain([1n]), TypeError)
})

t.test('a snapshot does not change with the value', async (t) => {
  const given = { list: [1], bytes: Buffer.from('a') }
  const copy = snapshot(given)
  given.list.push(2)
  given.bytes[0] = 0
  t.strictSame(copy, { list: [1], bytes: Buffer.from('a') })
})
