import * as fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import t from 'tap'
import {
  decodeForPrimary,
  decodeForWorker,
  envelope,
  isEnvelope,
  PROTOCOL_VERSION,
  protocolMismatch,
  type ToPrimary,
  type ToWorker,
} from '../../src/ipc/messages.ts'

const seq = fc.nat({ max: 0xffffffff })
const slots = fc.uniqueArray(fc.nat({ max: 65535 }))
const text = fc.string()

const toWorker: fc.Arbitrary<ToWorker> = fc.oneof(
  fc.constant({ type: 'stop-acks' as const }),
  fc.record({ type: fc.constant('probe' as const), seq }),
  fc.constant({ type: 'no-more-connections' as const }),
  fc.record({ type: fc.constant('release-slots' as const), slots, acceptQueued: fc.boolean() }),
  fc.record({
    type: fc.constant('drain' as const),
    deadline: fc.nat(),
    grace: fc.nat(),
    spread: fc.nat(),
    code: fc.constantFrom(1001, 1012),
  }),
  fc.record({ type: fc.constant('promote' as const), id: fc.nat(), workers: fc.nat() }),
  fc.record({ type: fc.constant('worker-count' as const), workers: fc.nat() }),
  fc.record({
    type: fc.constant('ticket-keys' as const),
    keys: fc.uint8Array({ minLength: 48, maxLength: 48 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  }),
  fc.record({ type: fc.constant('bridge-state' as const), connected: fc.boolean(), lost: fc.nat() }),
  fc.record({ type: fc.constant('server-gone' as const) }),
  fc.record({
    type: fc.constant('registered' as const),
    registration: fc.record({
      id: fc.nat({ max: 255 }),
      address: fc.constant({ address: '::', family: 'IPv6' as const, port: 3000 }),
      transport: fc.constant('node-ipc' as const),
      countEnds: fc.boolean(),
      instance: fc.nat({ max: 2 ** 24 - 1 }),
      folder: text,
    }),
  }),
)

const toPrimary: fc.Arbitrary<ToPrimary> = fc.oneof(
  fc.record({
    type: fc.constant('ready' as const),
    version: fc.nat(),
    listeners: fc.uniqueArray(fc.nat({ max: 255 })),
  }),
  fc.record({ type: fc.constant('register' as const), version: fc.nat() }),
  fc.record({ type: fc.constant('start-failed' as const), message: text, code: fc.option(text, { nil: undefined }) }),
  fc.record({ type: fc.constant('ack' as const), seq }),
  fc.record({ type: fc.constant('probe-answer' as const), seq }),
  fc.record({ type: fc.constant('slots-released' as const), slots }),
  fc.record({ type: fc.constant('connections-ended' as const), seqs: fc.array(seq) }),
  fc.record({ type: fc.constant('leaving' as const), reason: text }),
  fc.record({ type: fc.constant('open-bridge' as const), redis: text, channelPrefix: text, program: text }),
  fc.record({
    type: fc.constant('heartbeat' as const),
    lag: fc.nat(),
    rss: fc.nat(),
    heapUsed: fc.nat(),
    connections: fc.nat(),
    served: fc.nat(),
  }),
)

t.test('every message arrives as it was sent', async () => {
  fc.assert(fc.property(toWorker, (message) => decodeForWorker(envelope(message)) === message))
  fc.assert(fc.property(toPrimary, (message) => decodeForPrimary(envelope(message)) === message))
})

t.test('a message for the other direction is not decoded', async () => {
  fc.assert(fc.property(toWorker, (message) => decodeForPrimary(envelope(message)) === undefined))
  fc.assert(fc.property(toPrimary, (message) => decodeForWorker(envelope(message)) === undefined))
})

t.test('messages of other libraries and of the application are not decoded', async (t) => {
  const foreign = fc.anything().filter((value) => typeof value !== 'object' || value === null || !('holdfast' in value))
  fc.assert(
    fc.property(foreign, (raw) => {
      return !isEnvelope(raw) && decodeForWorker(raw) === undefined && decodeForPrimary(raw) === undefined
    }),
  )
  t.equal(decodeForWorker({ type: 'no-more-connections' }), undefined, 'nor is a message without its envelope')
  const own = { holdfast: { type: 'no-more-connections' } }
  t.equal(decodeForWorker(own), undefined, "nor is an object of the application's with the key holdfast")
})

t.test('an unknown message is not decoded', async (t) => {
  fc.assert(
    fc.property(fc.anything(), (message) => {
      const known =
        typeof message === 'object' &&
        message !== null &&
        ['no-more-connections', 'stop-acks'].includes(String(Reflect.get(message, 'type')))
      return known || decodeForWorker(envelope(message)) === undefined
    }),
  )
  for (const type of ['', 'PROBE', 'toString', '__proto__', 'constructor', 7, null, ['stop-acks']]) {
    t.equal(decodeForWorker(envelope({ type })), undefined, String(type))
    t.equal(decodeForPrimary(envelope({ type })), undefined, String(type))
  }
})

t.test('a message without a field that is computed with, or with a wrong one, is not decoded', async (t) => {
  const refuses = (decode: (raw: unknown) => unknown, holdfast: object) =>
    t.equal(decode(envelope(holdfast)), undefined, inspect(holdfast))
  for (const [decode, type] of [
    [decodeForWorker, 'probe'],
    [decodeForPrimary, 'ack'],
    [decodeForPrimary, 'probe-answer'],
  ] as const) {
    refuses(decode, { type })
    for (const wrong of [undefined, null, '1', 1.5, Number.NaN, Infinity, {}, []]) refuses(decode, { type, seq: wrong })
  }
  for (const [decode, type] of [
    [decodeForWorker, 'release-slots'],
    [decodeForPrimary, 'slots-released'],
  ] as const) {
    refuses(decode, { type })
    for (const wrong of [undefined, 'all', [65536], [-1], [0.5], ['1'], { 0: 1 }])
      refuses(decode, { type, slots: wrong })
  }
  refuses(decodeForWorker, { type: 'bridge-state', connected: true, lost: '1' })
  refuses(decodeForPrimary, { type: 'open-bridge', redis: { host: '127.0.0.1' }, channelPrefix: 'a' })
  refuses(decodeForPrimary, { type: 'connections-ended' })
  for (const wrong of [undefined, 1, ['1'], [0.5]])
    refuses(decodeForPrimary, { type: 'connections-ended', seqs: wrong })
  refuses(decodeForWorker, { type: 'adapter-message', message: 'text' })
  refuses(decodeForPrimary, { type: 'adapter-message' })
  refuses(decodeForWorker, { type: 'drain' })
  for (const wrong of [undefined, '5', Number.NaN]) refuses(decodeForWorker, { type: 'drain', deadline: wrong })
})

t.test('ready is decoded with any version, so that an error can name a wrong one', async (t) => {
  for (const version of [0, 99, 'two']) {
    t.match(decodeForPrimary(envelope({ type: 'ready', version })), { version })
  }
})

t.test('a worker with another protocol version is recognised', async (t) => {
  t.equal(protocolMismatch(PROTOCOL_VERSION), undefined)
  for (const version of [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, String(PROTOCOL_VERSION), undefined]) {
    t.match(protocolMismatch(version), /restart the primary too/, inspect(version))
  }
})

t.test('each message names the files that send and handle it, and those files do', async (t) => {
  const read = (file: string) => readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8')
  const source = read('ipc/messages.ts')
  const documented = /^ {2}\/\*\*((?:\n {3}\*.*)+)\/\n {2}\| \(?\{ type: '([\w-]+)'/gm
  const messages = [...source.matchAll(documented)]
  t.equal(messages.length, [...source.matchAll(/^ {2}\| \(?\{ type: /gm)].length, 'each message has a comment')
  for (const [, comment = '', type = ''] of messages) {
    const routes = [...comment.matchAll(/^ {3}\* (\S+\.ts) to (\S+\.ts);?$/gm)]
    t.ok(routes.length > 0, `${type} has a sender and a handler`)
    for (const [, sender = '', handler = ''] of routes) {
      t.match(read(sender), new RegExp(`type: '${type}'`), `${sender} sends ${type}`)
      t.match(read(handler), new RegExp(`on\\('${type}'`), `${handler} handles ${type}`)
    }
  }
})
