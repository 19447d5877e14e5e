import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { redisBus } from '../../src/broadcast.ts'
import { BusProbe } from '../support/bus-probe.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { logbook } from '../support/logbook.ts'
import { startRedis } from '../support/redis.ts'

const skip = missing('redis-server')

function open(t: Test, url: string): BusProbe {
  const bus = redisBus({ url })
  t.teardown(() => bus.close())
  return new BusProbe(() => bus)
}

t.test('a Redis that hangs gets one command per counter, and reads fail', { skip }, async (t) => {
  const redis = await startRedis(t)
  const bus = open(t, redis.url)
  t.equal(await bus.read('hits'), 0)
  redis.freeze()
  t.teardown(() => redis.thaw())
  for (let n = 0; n < 200; n++) {
    await bus.add('hits')
    await new Promise(setImmediate)
  }
  t.strictSame(await Promise.all(['hits', 'others'].map((name) => bus.read(name))), [
    'HOLDFAST_BUS_AWAY',
    'HOLDFAST_BUS_AWAY',
  ])
  redis.thaw()
  await until('all additions are counted', async () => (await bus.read('hits')) === 200)
  const admin = new Redis(redis.url)
  const stats = await admin.info('commandstats')
  admin.disconnect()
  const calls = Number(/cmdstat_incrby:calls=(\d+)/.exec(stats)?.[1])
  t.ok(calls <= 2, `${calls} commands`)
})

t.test('a read fails in time when Redis hangs before the first connection', { skip }, async (t) => {
  const redis = await startRedis(t)
  redis.freeze()
  t.teardown(() => redis.thaw())
  const bus = open(t, redis.url)
  await bus.add('hits', 2)
  t.equal(await bus.read('hits'), 'HOLDFAST_BUS_AWAY')
  redis.thaw()
  await until('the addition is counted', async () => (await bus.read('hits')) === 2)
})

t.test('a total includes all additions before the read', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const bus = open(t, url)
  for (let n = 1; n <= 50; n++) {
    await bus.add('hits')
    const totals = [bus.read('hits'), bus.read('hits')]
    await bus.add('hits', 0)
    t.strictSame(await Promise.all(totals), [n, n])
  }
})

t.test('additions that Redis refuses are counted once it accepts them again', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const admin = new Redis(url)
  t.teardown(() => admin.disconnect())
  const log = logbook()
  const bus = open(t, url)
  await bus.ready()
  await admin.config('SET', 'maxmemory', '1')
  await bus.add('hits', 5)
  await bus.add('visits', 1)
  await until('the refusal is logged', () => log.events().includes('bus.refused'))
  await bus.add('hits', 6)
  t.equal(await bus.read('hits'), 'HOLDFAST_BUS_AWAY', 'no total includes the addition')
  await admin.config('SET', 'maxmemory', '0')
  await until('Redis accepts all additions', () => log.events().includes('bus.accepted'))
  t.strictSame(await Promise.all(['hits', 'visits'].map((name) => bus.read(name))), [11, 1])
  t.match(log.fields('bus.refused'), [{ kind: 'redis', reason: /OOM/ }])
  t.equal(log.fields('bus.refused').length, 1, 'one line per change')
  t.equal(log.fields('bus.accepted').length, 1)
})
