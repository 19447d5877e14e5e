import { Cluster } from 'ioredis'
import t from 'tap'
import { openClient } from '../../src/redis/client.ts'

t.test('the copy of a Cluster keeps the password for its nodes, and not its retry delays', async (t) => {
  const nodes = [{ host: '127.0.0.1', port: 1 }]
  const client = new Cluster(nodes, {
    lazyConnect: true,
    redisOptions: { password: 'secret' },
    clusterRetryStrategy: () => null,
  })
  // As before ioredis 6, which Holdfast works with as well: a copy's redisOptions replace those of the original.
  const duplicate = (_: [], options: object) => new Cluster(nodes, { ...client.options, ...options } as object)
  Object.assign(client, { duplicate })
  const settings = { whileAway: 'gated', maxRetryDelay: 500, sharded: false } as const
  const copy = openClient({ client: client as never }, settings) as unknown as Cluster
  copy.on('error', () => {})
  t.teardown(() => copy.disconnect())
  t.match(copy.options.redisOptions, { password: 'secret', maxRetriesPerRequest: 0 })
  t.equal(copy.options.clusterRetryStrategy?.(10), 500)
})
