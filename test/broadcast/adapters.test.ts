import t, { type Test } from 'tap'
import type { AttachOptions } from '../../src/socket-io.ts'
import { startBalancer, type Balancer } from '../support/balancer.ts'
import { request, until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { startRedis } from '../support/redis.ts'
import type { Place } from '../support/socket-io.ts'
import { adapterContract } from './contract.ts'

const skip = missing('redis-server')

/** Hosts of some workers each, that know each other. */
async function start(t: Test, hosts: number, workers: number, attach: AttachOptions, env = {}): Promise<Place[]> {
  const fixture = 'socket-io-app'
  const settings = { REDIS_URL: '', FIXTURE_ATTACH: JSON.stringify(attach), ...env }
  const start = () => startBalancer(t, { fixture, options: { workers }, env: settings })
  const balancers = await Promise.all(Array.from({ length: hosts }, start))
  await until('all workers know each other', () => know(balancers, hosts * workers))
  return balancers.flatMap((balancer) => Array.from({ length: workers }, (_, worker) => ({ balancer, worker })))
}

async function know(balancers: Balancer[], nodes: number): Promise<boolean> {
  const replies = await Promise.all(balancers.map(({ port }) => request({ port })))
  return replies.every((reply) => reply['nodes'] === nodes)
}

for (const [transport, env] of [
  ['descriptor-channel', {}],
  ['node-ipc', { HOLDFAST_NATIVE: '0' }],
] as const) {
  t.test(`ipc over ${transport}`, async (t) => {
    const places = await start(t, 1, 3, { adapter: 'ipc' }, env)
    t.match(await places[0]!.balancer.status(), { steering: { transport } })
    await adapterContract(t, { places })
  })
}

t.test('redis, on two hosts', { skip }, async (t) => {
  const redis = await startRedis(t)
  const places = await start(t, 2, 2, { adapter: 'redis', redis: redis.url })
  await adapterContract(t, { places }, { 'binary between servers': '@socket.io/redis-adapter sends it as JSON' })
})

t.test('redis-sharded, on two hosts', { skip }, async (t) => {
  const redis = await startRedis(t)
  const places = await start(t, 2, 2, { adapter: 'redis-sharded', redis: redis.url })
  // It subscribes to a room's channel when somebody joins, on the connection that answers this after that.
  await adapterContract(t, { places, settle: (visitor) => visitor.call('adapter', 'subClient', ['ping']) })
})

t.test('redis-streams, on two hosts', { skip }, async (t) => {
  const redis = await startRedis(t)
  const places = await start(t, 2, 2, { adapter: 'redis-streams', redis: redis.url })
  await adapterContract(t, { places })
})

t.test('bridge, on two hosts', { skip }, async (t) => {
  const redis = await startRedis(t)
  const places = await start(t, 2, 2, { adapter: 'bridge', redis: redis.url })
  await adapterContract(t, { places })
})
