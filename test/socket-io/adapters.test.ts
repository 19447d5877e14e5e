import { Redis } from 'ioredis'
import t from 'tap'
import { missing } from '../support/installed.ts'
import { startRedis } from '../support/redis.ts'
import { startHosts } from '../support/socket-io.ts'
import { adapterContract } from './contract.ts'

const skip = missing('redis-server')

/** The number of other connections to a Redis. */
async function connections(url: string): Promise<number> {
  const admin = new Redis(url)
  const list = (await admin.client('LIST')) as string
  admin.disconnect()
  return list.trim().split('\n').length - 1
}

for (const [transport, env] of [
  ['descriptor-channel', {}],
  ['node-ipc', { HOLDFAST_NATIVE: '0' }],
] as const) {
  t.test(`ipc over ${transport}`, async (t) => {
    const places = await startHosts(t, 1, 3, { adapter: 'ipc' }, { env: [env] })
    t.match(await places[0]!.balancer.status(), { steering: { transport } })
    await adapterContract(t, places)
  })
}

t.test('redis, on two hosts', { skip }, async (t) => {
  const redis = await startRedis(t)
  const places = await startHosts(t, 2, 2, { adapter: 'redis', redis: redis.url })
  t.equal(await connections(redis.url), 8)
  await adapterContract(t, places, { 'binary between servers': '@socket.io/redis-adapter sends it as JSON' })
})

t.test('redis-sharded, on two hosts', { skip }, async (t) => {
  const redis = await startRedis(t)
  const places = await startHosts(t, 2, 2, { adapter: 'redis-sharded', redis: redis.url })
  t.equal(await connections(redis.url), 8)
  await adapterContract(t, places)
})

t.test('redis-streams, on two hosts', { skip }, async (t) => {
  const redis = await startRedis(t)
  const places = await startHosts(t, 2, 2, { adapter: 'redis-streams', redis: redis.url })
  t.equal(await connections(redis.url), 12)
  await adapterContract(t, places)
})

t.test('bridge, on two hosts of which one has a channel that carries JSON', { skip }, async (t) => {
  const redis = await startRedis(t)
  const places = await startHosts(
    t,
    2,
    2,
    { adapter: 'bridge', redis: redis.url },
    { env: [{}, { HOLDFAST_NATIVE: '0' }] },
  )
  t.equal(await connections(redis.url), 4)
  await adapterContract(t, places)
})
