import { Cluster } from 'ioredis'
import t from 'tap'
import { redisBus, type RedisBusOptions } from '../../../src/broadcast.ts'
import { BusProbe } from '../../support/bus-probe.ts'
import { until } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { startCluster, startSentinel } from '../../support/redis.ts'
import { busContract } from '../../bus/contract.ts'

const skip = missing('redis-server')
let families = 0

for (const sharded of [false, true]) {
  t.test(`a Redis Cluster, ${sharded ? 'sharded' : 'classic'}`, { skip }, async (t) => {
    const nodes = (await startCluster(t, 3)).map(({ port }) => ({ host: '127.0.0.1', port }))
    busContract(t, async (t) => {
      const prefix = `family-${++families}`
      const open = () => {
        const client = new Cluster(nodes, { lazyConnect: true })
        const bus = redisBus({ client, sharded, prefix })
        t.teardown(() => bus.close())
        return new BusProbe(() => bus)
      }
      return [open(), open(), open()]
    })
  })
}

t.test('after a failover by Sentinel the bus goes on with the new master', { skip, timeout: 60_000 }, async (t) => {
  const { port, master } = await startSentinel(t)
  const open = (): BusProbe => {
    const options: RedisBusOptions = {
      options: { sentinels: [{ host: '127.0.0.1', port }], name: 'main', sentinelRetryStrategy: () => 50 },
    }
    const bus = redisBus(options)
    t.teardown(() => bus.close())
    return new BusProbe(() => bus)
  }
  const [a, b] = [open(), open()]
  await b.count('load')
  await a.flood({ channel: 'load', from: 'a', count: 100 })
  await until('messages arrive', async () => (await b.received('load'))['a']?.count === 100)
  await master.kill()
  await until('the loss is noticed', async () => !(await a.status()).connected)
  await a.flood({ channel: 'load', from: 'a', count: 100, first: 100 })
  await until(
    'both buses are connected',
    async () => (await a.status()).connected && (await b.status()).connected,
    30_000,
  )
  await until('the messages that waited have arrived', async () => (await b.received('load'))['a']?.last === 199)
  t.match(await b.received('load'), { a: { count: 200, missing: 0, disorder: false } })
})
