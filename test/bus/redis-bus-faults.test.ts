import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createBus, redisBus, type RedisBusOptions } from '../../src/broadcast.ts'
import { busFamily } from '../support/bus-family.ts'
import { BusProbe } from '../support/bus-probe.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { logbook } from '../support/logbook.ts'
import { startRedis } from '../support/redis.ts'

const skip = missing('redis-server')

function open(t: Test, options: RedisBusOptions): BusProbe {
  const bus = redisBus(options)
  t.teardown(() => bus.close())
  return new BusProbe(() => bus)
}

t.test(
  'while Redis is away local delivery goes on, messages wait up to a limit, and the others are counted',
  { skip },
  async (t) => {
    const redis = await startRedis(t)
    const log = logbook()
    const maxBuffered = 64 * 1024
    const ahead = 30_000
    const [a, b] = [open(t, { url: redis.url, maxBuffered }), open(t, { url: redis.url, maxBuffered })]
    await a.count('load')
    await b.count('load')
    const flooding = a.flood({ channel: 'load', from: 'a', count: 3_000, size: 100, perTurn: 10, ahead })
    await until('messages arrive', async () => ((await b.received('load'))['a']?.count ?? 0) > 200)
    await redis.kill()
    await until('the loss is noticed', async () => !(await a.status()).connected && !(await b.status()).connected)
    // The flood waits for room in the buffer, and there is none before Redis is back.
    await until('the flood waits, or has ended', async () => {
      const isFull = (await a.status()).bufferedBytes > ahead
      return isFull || (await a.received('load'))['a']?.count === 3_000
    })
    const before = await a.status()
    for (let n = 0; n < 50; n++)
      await a.publish('load', ...Array.from({ length: 20 }, (_, i) => message('more', n * 20 + i)))
    await until('local listeners have all messages', async () => (await a.received('load'))['more']?.count === 1_000)
    const { buffered, bufferedBytes, lost } = await a.status()
    t.ok(buffered > 0 && bufferedBytes <= maxBuffered && bufferedBytes > maxBuffered / 2, `${bufferedBytes} bytes wait`)
    // The messages that were under way to Redis when it ended were counted before.
    const [waiting, lostNew] = [buffered - before.buffered, lost - before.lost]
    t.equal(
      waiting + lostNew,
      1_000,
      `${waiting} of the later messages wait, ${lostNew} are lost: none twice, and no other`,
    )
    t.ok(lostNew > 0)
    // A message of 100 bytes with its JSON and its record; the room for others is a message at most.
    t.ok(maxBuffered - bufferedBytes < 200, 'no message is lost while there is room')
    t.equal(await a.read('counter'), 'HOLDFAST_BUS_AWAY')
    await a.add('counter', 5)
    await a.add('counter', 6)

    await redis.start()
    await until('both are back', async () => (await a.status()).connected && (await b.status()).connected)
    await flooding
    await until('the messages that waited have arrived', async () => (await b.received('load'))['a']?.last === 2_999)
    const received = await b.received('load')
    const lostNow = (await a.status()).lost
    for (const from of ['a', 'more']) t.match(received[from], { disorder: false }, `in order from ${from}`)
    const gone = 4_000 - received['a']!.count - received['more']!.count
    t.ok(gone > 0 && gone <= lostNow, `${gone} did not come, ${lostNow} are counted as lost`)
    t.match(await a.received('load'), { a: { count: 3_000, missing: 0 }, more: { count: 1_000, missing: 0 } })
    await until('the additions meanwhile are counted', async () => (await b.read('counter')) === 11)
    const { fields } = log
    t.equal(fields('bus.down').length, 2, 'one line per bus')
    t.equal(fields('bus.up').length, 4)
    t.match(fields('bus.up').at(-1), { kind: 'redis' })
  },
)

t.test('a Redis that hangs gets messages up to a limit', { skip }, async (t) => {
  const redis = await startRedis(t)
  const maxBuffered = 256 * 1024
  const [a, b] = [open(t, { url: redis.url, maxBuffered }), open(t, { url: redis.url })]
  await b.count('load')
  await a.ready()
  redis.freeze()
  t.teardown(() => redis.thaw())
  for (let n = 0; n < 200; n++) {
    await a.publish('load', ...Array.from({ length: 20 }, (_, i) => message('a', n * 20 + i, 1_000)))
    await new Promise(setImmediate)
  }
  const { bufferedBytes, lost, connected } = await a.status()
  t.ok(bufferedBytes <= maxBuffered && bufferedBytes > maxBuffered - 2_000, `${bufferedBytes} bytes wait`)
  t.ok(lost > 1_000 && lost < 4_000, `${lost} are lost`)
  t.equal(connected, true, 'no connection has ended')
  redis.thaw()
  await until(
    'the messages that were sent and those that waited have arrived',
    async () => (await b.received('load'))['a']?.count === 4_000 - lost,
  )
  t.match(await b.received('load'), { a: { disorder: false } })
  await a.publish('load', message('a', 4_000))
  await until('a later message arrives', async () => (await b.received('load'))['a']?.last === 4_000)
  t.match(await b.received('load'), { a: { missing: lost } })
})

t.test('a Redis that cannot be reached does not delay local delivery or the close', async (t) => {
  const log = logbook()
  const bus = createBus({ redis: '/nonexistent/redis.sock' })
  const received: unknown[] = []
  bus.subscribe('news', (message) => received.push(message))
  bus.publish('news', 'here')
  await until('the message arrives in this process', () => received.length === 1)
  t.equal(await new BusProbe(() => bus).read('hits'), 'HOLDFAST_BUS_AWAY')
  t.match(bus.status(), { kind: 'redis', connected: false, buffered: 1, lost: 0 })
  const ready = bus.ready()
  await bus.close()
  await ready
  t.match(bus.status(), { buffered: 0, lost: 1 })
  t.strictSame(log.events(), ['bus.chosen', 'bus.down'])
  t.match(log.fields('bus.down'), [{ reason: /ENOENT/ }])
  t.match(log.fields('bus.chosen'), [{ kind: 'redis', reason: 'the redis option is set' }])
})

t.test('a message that Redis refuses is logged and counted', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const admin = new Redis(url)
  await admin.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '&*', '+@all', '-publish')
  admin.disconnect()
  const log = logbook()
  const one = open(t, { options: { path: url, username: 'mute', password: 'secret' } })
  await one.listen('news')
  await one.publish('news', 'local only')
  await until('the refusal is logged', () => log.events().includes('bus.refused'))
  t.match(log.fields('bus.refused'), [{ reason: /NOPERM/ }])
  t.match(await one.status(), { lost: 1, connected: true })
  t.strictSame(await one.kept('news'), ['local only'])
})

t.test('messages of other programs on a channel are ignored', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const log = logbook()
  const one = open(t, { url })
  await one.listen('news')
  const other = new Redis(url)
  for (const text of ['', 'hello', 'x'.repeat(100), Buffer.alloc(30, 2)]) await other.publish('holdfast:news', text)
  // Eight bytes of an origin, then a record of kind json that has no JSON.
  await other.publish('holdfast:news', Buffer.from('12345678\x02\x0c\0\0\0\x04\0news{', 'latin1'))
  other.disconnect()
  const another = open(t, { url })
  await another.publish('news', 'from a bus')
  await until('the message arrives', async () => (await one.kept('news')).length > 0)
  t.strictSame(await one.kept('news'), ['from a bus'])
  t.match(log.fields('bus.unreadable'), [{ channel: 'news' }])
})

t.test('messages and counters reach the workers of two machines', { skip, timeout: 60_000 }, async (t) => {
  const { url } = await startRedis(t)
  const [here, there] = await Promise.all([
    busFamily(t, { env: { REDIS_URL: url }, options: { workers: 3 } }),
    busFamily(t, { env: { REDIS_URL: url }, options: { workers: 3 } }),
  ])
  const all = [...here.members, ...there.members]
  for (const one of all) await one.listen('news')
  for (const [i, one] of all.entries()) await one.publish('news', i)
  for (const one of all) {
    await until('all messages arrive', async () => (await one.kept('news')).length === 6)
    t.match(await one.status(), { kind: 'redis', reason: 'REDIS_URL is set', connected: true })
    await one.add('hits')
  }
  await until('all additions are counted', async () => (await all[0]!.read('hits')) === 6)
  t.equal(here.balancer.output().match(/bus[.]chosen kind=redis reason="REDIS_URL is set"/g)?.length, 1)
  t.match((await here.balancer.status()).bus, { frames: 0 }, 'the primary has no part in it')
  // An open connection must not delay the end of a worker.
  await all[0]!.listen('goodbyes')
  t.equal(await there.balancer.close(), true)
  await until('the last messages of the workers arrive', async () => (await all[0]!.kept('goodbyes')).length === 3)
})

for (const how of ['options', 'client'] as const) {
  t.test(
    `a retry strategy that gives up, in the ${how}, does not make the bus give up`,
    { skip: missing('redis-server') },
    async (t) => {
      const redis = await startRedis(t)
      const given = { path: redis.url, retryStrategy: () => null, lazyConnect: true }
      const bus = redisBus(how === 'options' ? { options: given } : { client: new Redis(given) })
      t.teardown(() => bus.close())
      await bus.ready()
      await redis.kill()
      await until('the loss is noticed', () => !bus.status().connected)
      await redis.start()
      await until('the connections are back', () => bus.status().connected)
    },
  )
}

function message(from: string, n: number, size = 100) {
  return { from, n, pad: 'x'.repeat(size) }
}
