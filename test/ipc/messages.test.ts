import * as fc from 'fast-check'
import { inspect } from 'node:util'
import t from 'tap'
import {
  decodeForPrimary,
  decodeForWorker,
  isEnvelope,
  PROTOCOL_VERSION,
  protocolMismatch,
  type ToPrimary,
  type ToWorker,
} from '../../src/ipc/messages.ts'

const seq = fc.nat({ max: 0xffffffff })
const slots = fc.uniqueArray(fc.nat({ max: 255 }))
const text = fc.string()

const toWorker: fc.Arbitrary<ToWorker> = fc.oneof(
  fc.constant({ type: 'quiet' as const }),
  fc.record({ type: fc.constant('probe' as const), seq }),
  fc.constant({ type: 'end' as const }),
  fc.record({ type: fc.constant('drop' as const), slots, final: fc.boolean() }),
  fc.record({
    type: fc.constant('drain' as const),
    deadline: fc.nat(),
    grace: fc.nat(),
    spread: fc.nat(),
    code: fc.constantFrom(1001, 1012),
  }),
  fc.record({ type: fc.constant('become' as const), id: fc.nat(), workers: fc.nat() }),
  fc.record({ type: fc.constant('workers' as const), workers: fc.nat() }),
  fc.record({ type: fc.constant('bridged' as const), connected: fc.boolean(), lost: fc.nat() }),
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
  fc.record({ type: fc.constant('ready' as const), version: fc.nat() }),
  fc.record({ type: fc.constant('register' as const), version: fc.nat() }),
  fc.record({ type: fc.constant('failed' as const), message: text, code: fc.option(text, { nil: undefined }) }),
  fc.record({ type: fc.constant('ack' as const), seq }),
  fc.record({ type: fc.constant('alive' as const), seq }),
  fc.record({ type: fc.constant('dropped' as const), slots }),
  fc.record({ type: fc.constant('ended' as const), numbers: fc.array(seq) }),
  fc.record({ type: fc.constant('leave' as const), reason: text }),
  fc.record({ type: fc.constant('bridge' as const), redis: text, channelPrefix: text }),
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
  fc.assert(fc.property(toWorker, (message) => decodeForWorker({ holdfast: message }) === message))
  fc.assert(fc.property(toPrimary, (message) => decodeForPrimary({ holdfast: message }) === message))
})

t.test('no message is taken in the wrong direction', async () => {
  fc.assert(fc.property(toWorker, (message) => decodeForPrimary({ holdfast: message }) === undefined))
  fc.assert(fc.property(toPrimary, (message) => decodeForWorker({ holdfast: message }) === undefined))
})

t.test("somebody else's messages are left alone", async (t) => {
  const foreign = fc.anything().filter((value) => typeof value !== 'object' || value === null || !('holdfast' in value))
  fc.assert(
    fc.property(foreign, (raw) => {
      return !isEnvelope(raw) && decodeForWorker(raw) === undefined && decodeForPrimary(raw) === undefined
    }),
  )
  t.equal(decodeForWorker({ type: 'end' }), undefined, 'also those that look like ours unwrapped')
})

t.test('what nobody knows is dropped', async (t) => {
  fc.assert(
    fc.property(fc.anything(), (message) => {
      const known =
        typeof message === 'object' &&
        message !== null &&
        ['end', 'quiet'].includes(String(Reflect.get(message, 'type')))
      return known || decodeForWorker({ holdfast: message }) === undefined
    }),
  )
  for (const type of ['', 'END', 'toString', '__proto__', 'constructor', 7, null, ['end']]) {
    t.equal(decodeForWorker({ holdfast: { type } }), undefined, String(type))
    t.equal(decodeForPrimary({ holdfast: { type } }), undefined, String(type))
  }
})

t.test('a message that lacks what is computed with is dropped', async (t) => {
  const dropped = (open: (raw: unknown) => unknown, holdfast: object) =>
    t.equal(open({ holdfast }), undefined, inspect(holdfast))
  for (const [open, type] of [
    [decodeForWorker, 'probe'],
    [decodeForPrimary, 'ack'],
    [decodeForPrimary, 'alive'],
  ] as const) {
    dropped(open, { type })
    for (const wrong of [undefined, null, '1', 1.5, Number.NaN, Infinity, {}, []]) dropped(open, { type, seq: wrong })
  }
  for (const [open, type] of [
    [decodeForWorker, 'drop'],
    [decodeForPrimary, 'dropped'],
  ] as const) {
    dropped(open, { type })
    for (const wrong of [undefined, 'all', [256], [-1], [0.5], ['1'], { 0: 1 }]) dropped(open, { type, slots: wrong })
  }
  dropped(decodeForWorker, { type: 'bridged', connected: true, lost: '1' })
  dropped(decodeForPrimary, { type: 'bridge', redis: { host: '127.0.0.1' }, channelPrefix: 'a' })
  dropped(decodeForPrimary, { type: 'ended' })
  for (const wrong of [undefined, 1, ['1'], [0.5]]) dropped(decodeForPrimary, { type: 'ended', numbers: wrong })
  dropped(decodeForWorker, { type: 'drain' })
  for (const wrong of [undefined, '5', Number.NaN]) dropped(decodeForWorker, { type: 'drain', deadline: wrong })
})

t.test('ready is heard whatever the version, so that a wrong one can be named', async (t) => {
  for (const version of [0, 99, 'two']) {
    t.match(decodeForPrimary({ holdfast: { type: 'ready', version } }), { version })
  }
})

t.test('a worker with another protocol version is told from one with the same', async (t) => {
  t.equal(protocolMismatch(PROTOCOL_VERSION), undefined)
  for (const version of [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, String(PROTOCOL_VERSION), undefined]) {
    t.match(protocolMismatch(version), /restart the primary too/, inspect(version))
  }
})
