import { Redis } from 'ioredis'
import t from 'tap'
import {
  createBus,
  ipcBus,
  localBus,
  redisBus,
  type BusMessage,
  type BusOptions,
  type RedisBusOptions,
} from '../../src/broadcast.ts'
import type { LogFunction } from '../../src/index.ts'
import { processRuntime } from '../../src/runtime.ts'
import { until } from '../support/clients.ts'

t.test('a process that is no worker has a local bus', async (t) => {
  for (const bus of [createBus(), createBus({ bus: 'ipc' }), ipcBus(), createBus({ bus: 'local' }), localBus()]) {
    t.equal(bus.kind, 'local')
    await bus.close()
  }
  t.equal(createBus().reason, 'this process is not a worker')
  t.equal(createBus({ bus: 'local' }).reason, 'the bus option says so')
})

t.test('the bus goes through Redis where that is configured, and connects when it is first used', async (t) => {
  process.env['REDIS_URL'] = 'redis://127.0.0.1:1'
  t.teardown(() => delete process.env['REDIS_URL'])
  t.match(createBus(), { kind: 'redis', reason: 'REDIS_URL is set' })
  t.match(createBus({ redis: false }), { kind: 'local' })
  t.match(createBus({ bus: 'local' }), { kind: 'local' })
  t.match(createBus({ bus: 'redis' }), { kind: 'redis', reason: 'the bus option says so' })
  t.match(createBus({ redis: { url: 'redis://127.0.0.1:2', prefix: 'mine' } }), { reason: 'the redis option is set' })
  t.match(redisBus(), { kind: 'redis', reason: 'redisBus() was asked for' })
  const client = new Redis({ lazyConnect: true })
  t.match(redisBus({ client }).status(), { connected: false, lost: 0 })
  t.equal(client.status, 'wait', 'the client of the application is left alone')
})

t.test('the choice is logged once, when the bus is first used', async (t) => {
  const lines: unknown[] = []
  const write: LogFunction = (event, fields) => void lines.push([event, fields])
  processRuntime.logger = { debug: write, info: write, warn: write, error: write }
  const bus = createBus()
  await new Promise(setImmediate)
  t.strictSame(lines, [], 'a primary that runs the same program makes a bus and never uses it')
  bus.subscribe('news', () => {})
  bus.publish('news', 1)
  bus.counter('hits').add()
  await until('the choice is logged', () => lines.length > 0)
  await new Promise(setImmediate)
  t.strictSame(lines, [['bus.chosen', { kind: 'local', reason: 'this process is not a worker' }]])
  await bus.close()
})

t.test('the end of a scope with `await using` closes a bus', async (t) => {
  const received: BusMessage[] = []
  {
    await using bus = localBus()
    bus.subscribe('news', (message) => received.push(message))
  }
  await using other = localBus()
  other.publish('news', 1)
  await new Promise(setImmediate)
  t.strictSame(received, [])
  t.equal(other.status().channels, 0)
})

t.test('a wrong option, name or message throws at once', async (t) => {
  const bad = (code: string, name: string, message: RegExp, run: () => unknown) =>
    t.throws(run, { name, code, message }, String(message))
  const wrong = (message: RegExp, run: () => unknown, name = 'TypeError') =>
    bad('HOLDFAST_BAD_OPTION', name, message, run)
  wrong(
    /createBus options.bus: expected 'auto' or/,
    () => createBus({ bus: 'kafka' } as unknown as BusOptions),
    'RangeError',
  )
  wrong(/createBus options.redis: expected false, options or a URL/, () => createBus({ redis: 'localhost:6379' }))
  wrong(/unknown option 'reddis'; did you mean 'redis'/, () => createBus({ reddis: '' } as BusOptions))
  wrong(/redis: unknown option 'uri'/, () => createBus({ redis: { uri: '' } as RedisBusOptions }))
  wrong(/maxBuffered: expected an integer/, () => ipcBus({ maxBuffered: 1 }), 'RangeError')
  wrong(/slow: expected 'drop-oldest' or 'disconnect'/, () => ipcBus({ slow: 'wait' } as never), 'RangeError')
  wrong(/redisBus options.url: expected a URL, as REDIS_URL is not set/, () => redisBus())
  wrong(/redis.url: expected a URL, as REDIS_URL is not set/, () => createBus({ bus: 'redis' }))
  wrong(/redisBus options.url: expected a URL that starts/, () => redisBus({ url: 'http://127.0.0.1' }))
  wrong(/redisBus options.client: expected a client of ioredis/, () => redisBus({ client: {} as never }))
  const client = new Redis({ lazyConnect: true })
  wrong(/redisBus options.url: expected nothing beside client/, () => redisBus({ client, url: 'redis://127.0.0.1' }))
  wrong(/redisBus options.sharded: expected true or false/, () => redisBus({ url: '/x', sharded: 1 as never }))
  wrong(/redisBus options.options: expected an object/, () => redisBus({ options: 1 as never }))

  await using bus = localBus()
  wrong(/channel: expected a string that is not empty, got ''/, () => bus.publish('', 1))
  wrong(/channel: expected a string/, () => bus.publish(7 as never, 1))
  wrong(/channel: expected a string/, () => bus.publish('half of a pair: \ud83c', 1))
  wrong(
    /channel: expected at most 65535 bytes, got 65536/,
    () => bus.subscribe('x'.repeat(65_536), () => {}),
    'RangeError',
  )
  wrong(/subscribe: expected a function as listener, got 'text'/, () => bus.subscribe('news', 'text' as never))
  wrong(/message: expected bytes, a string or JSON, got undefined/, () => bus.publish('news', undefined as never))
  wrong(/message: .* got a function/, () => bus.publish('news', (() => {}) as never))
  wrong(/message: .* got 1n.*BigInt/, () => bus.publish('news', 1n as never))
  wrong(/message: .*write new Uint8Array\(buffer\)/, () => bus.publish('news', new ArrayBuffer(1) as never))
  const circle: { self?: unknown } = {}
  circle.self = circle
  wrong(/message: .*circular/, () => bus.publish('news', circle as never))
  wrong(/counter: expected a string/, () => bus.counter(''))
  wrong(/add: expected an integer of at most .*, got 0.5/, () => bus.counter('hits').add(0.5))
  t.match(bus.status(), { published: 0 })
})

t.test('a URL that is none of Redis throws at once, and the error does not show its password', async (t) => {
  const before = process.env['REDIS_URL']
  t.teardown(() => restore(before))
  const environment = { message: /^environment variable REDIS_URL: expected a URL that starts with redis:\/\/, got '/ }
  for (const url of ['nonsense', 'http://x', 'redis://127.0.0.1:99999', 'redis://me:secret@127.0.0.1:99999']) {
    process.env['REDIS_URL'] = url
    for (const open of [() => createBus(), () => createBus({ bus: 'redis' }), () => redisBus()]) {
      t.throws(open, { ...environment, code: 'HOLDFAST_BAD_OPTION' }, url)
    }
    for (const open of [() => createBus({ redis: url }), () => redisBus({ url }), () => createBus()]) {
      t.notMatch(messageOf(open), 'secret')
    }
    t.match(createBus({ redis: false }), { kind: 'local' })
    t.match(createBus({ bus: 'local' }), { kind: 'local' })
  }
})

function messageOf(act: () => unknown): string {
  try {
    act()
    return 'nothing was thrown'
  } catch (error) {
    return (error as Error).message
  }
}

function restore(url: string | undefined): void {
  if (url === undefined) delete process.env['REDIS_URL']
  else process.env['REDIS_URL'] = url
}
