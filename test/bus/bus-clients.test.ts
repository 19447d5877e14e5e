import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import { redisBus } from '../../src/broadcast.ts'
import { busClients } from '../../src/bus/bus-clients.ts'
import type { RedisCluster } from '../../src/redis/client.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { startRedis } from '../support/redis.ts'

t.test('what a Cluster needs to reach its nodes is kept, and its patience is not', async (t) => {
  const nodes = [{ host: '127.0.0.1', port: 1 }]
  const client = new Cluster(nodes, {
    lazyConnect: true,
    redisOptions: { password: 'secret' },
    clusterRetryStrategy: () => null,
  })
  // As before ioredis 6, which the bus works with, too: a copy's redisOptions replace those of the original.
  const duplicate = (_: [], options: object) => new Cluster(nodes, { ...client.options, ...options } as object)
  Object.assign(client, { duplicate })
  const [cluster] = busClients({ client, url: undefined, options: undefined }, false) as [RedisCluster, RedisCluster]
  cluster.on('error', () => {})
  t.teardown(() => cluster.disconnect())
  t.match(cluster.options.redisOptions, { password: 'secret', maxRetriesPerRequest: 0 })
  t.equal(cluster.options.clusterRetryStrategy?.(10), 500)
})

for (const how of ['options', 'client'] as const) {
  t.test(`${how} that give up do not make the bus give up`, { skip: missing('redis-server') }, async (t) => {
    const redis = await startRedis(t)
    const given = { path: redis.url, retryStrategy: () => null, lazyConnect: true }
    const bus = redisBus(how === 'options' ? { options: given } : { client: new Redis(given) })
    t.teardown(() => bus.close())
    await bus.ready()
    await redis.kill()
    await until('the loss is noticed', () => !bus.status().connected)
    await redis.start()
    await until('it is back', () => bus.status().connected)
  })
}
