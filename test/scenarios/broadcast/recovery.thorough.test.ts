import { once } from 'node:events'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Balancer } from '../../support/balancer.ts'
import { until } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { startRedis } from '../../support/redis.ts'
import { startHosts, visit, type Visitor } from '../../support/socket-io.ts'

const skip = missing('redis-server')

const recovery = {
  options: { reload: { grace: 50, spread: 100 } },
  env: [{ FIXTURE_IO: JSON.stringify({ connectionStateRecovery: {} }) }],
}

/** How a worker is lost. */
const losses: Record<string, (balancer: Balancer, pid: number) => Promise<unknown>> = {
  'is told to end': async (_, pid) => process.kill(pid, 'SIGTERM'),
  'is replaced by a reload': (balancer) => balancer.reload(),
  'is killed': async (_, pid) => process.kill(pid, 'SIGKILL'),
}

for (const [how, lose] of Object.entries(losses)) {
  t.test(`a client whose worker ${how} has its session again, and what it missed`, { skip }, async (t) => {
    const redis = await startRedis(t)
    const [here, there] = await startHosts(t, 1, 2, { adapter: 'redis-streams', redis: redis.url }, recovery)
    const speaker = await visit(t, there!)
    const client = await visit(t, here!, { auth: { name: 'somebody' }, reconnectionDelay: 10 })
    const { balancer } = here!
    await client.call('socket', ['join', 'red'])
    await say(speaker, 'red', 0, 20)
    await until('the first words are there', () => client.heard('word').length === 20)

    const disconnected = once(client.socket as never, 'disconnect')
    const lost = lose(balancer, client.pid)
    await disconnected
    // While nobody is there to hear it.
    const spoken = how === 'is replaced by a reload' ? Promise.resolve() : say(speaker, 'red', 20, 40)
    await until('it is back', () => client.heard('hello').length === 2)
    await lost
    await spoken
    t.ok(client.socket.recovered, 'it knows that it is')
    t.equal(client.socket.id, client.id, 'under the same id')
    t.not(client.heard('hello')[1], client.pid, 'on another process')
    const speakerNow = how === 'is replaced by a reload' ? await visit(t, there!) : speaker
    await say(speakerNow, 'red', 40, 60)
    await until('the last words are there', () => client.heard('word').includes(59))
    const words = how === 'is replaced by a reload' ? [range(0, 20), range(40, 60)].flat() : range(0, 60)
    t.strictSame(client.heard('word'), words, 'nothing is missing, and nothing came twice')
    t.match(await client.call('namespace', ['in', 'red'], ['fetchSockets']), [
      { id: client.id, rooms: ['red'], data: { name: 'somebody' } },
    ])
  })
}

t.test('a session that is still in use is not given to somebody else', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here, there] = await startHosts(t, 1, 2, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const client = await visit(t, here!, { auth: { name: 'somebody' } })
  await client.call('namespace', ['emit', 'word', 0])
  await until('it is there', () => client.heard('word').length === 1)
  // As a client that comes on a new connection before its worker has noticed the end of the old one.
  const { _pid: pid, _lastOffset: offset } = client.socket as unknown as Record<string, unknown>
  t.type(pid, 'string')
  t.type(offset, 'string')
  const again = await visit(t, there!, { auth: { pid, offset } })
  t.equal(again.socket.recovered, false)
  t.not(again.id, client.id)
  t.ok(client.socket.connected)
})

t.test('a session that was ended is not recovered', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here, there] = await startHosts(t, 1, 2, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const client = await visit(t, here!)
  await client.call('namespace', ['emit', 'word', 0])
  await until('it is there', () => client.heard('word').length === 1)
  const { _pid: pid, _lastOffset: offset } = client.socket as unknown as Record<string, unknown>
  const server = new Redis(redis.url)
  t.teardown(() => server.disconnect())
  const keptKeys = () => server.keys('socket.io:kept:*')
  await until('it is kept', async () => (await keptKeys()).length === 1)
  client.socket.disconnect()
  await until('it is kept no more', async () => (await keptKeys()).length === 0)
  const again = await visit(t, there!, { auth: { pid, offset } })
  t.equal(again.socket.recovered, false)
})

t.test('data that can not travel harms nobody, and what can is recovered', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here] = await startHosts(t, 1, 1, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const client = await visit(t, here!, { auth: { name: 'somebody' }, reconnectionDelay: 10 })
  await client.call('namespace', ['emit', 'word', 0])
  await until('it is there', () => client.heard('word').length === 1)
  await client.socket.emitWithAck('hoard')
  client.socket.io.engine.close()
  await until('it is back', () => client.heard('hello').length === 2)
  t.ok(client.socket.recovered)
  t.equal(client.heard('hello')[1], client.pid, 'its worker lives')
  t.match(await client.call('namespace', ['fetchSockets']), [{ id: client.id, data: { name: 'somebody' } }])
})

t.test('a change in data is kept, too', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here] = await startHosts(t, 1, 1, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const client = await visit(t, here!, { reconnectionDelay: 10 })
  await client.call('namespace', ['emit', 'word', 0])
  await until('it is there', () => client.heard('word').length === 1)
  const server = new Redis(redis.url)
  t.teardown(() => server.disconnect())
  const kept = async () => (await server.mget(await server.keys('socket.io:kept:*')))[0]
  await until('it is kept', async () => typeof (await kept()) === 'string')
  const before = await kept()
  await client.socket.emitWithAck('learn', { language: 'Catalan' })
  await until('the change is noticed', async () => (await kept()) !== before)
  process.kill(client.pid, 'SIGKILL')
  await until('it is back', () => client.heard('hello').length === 2)
  t.match(await client.call('namespace', ['fetchSockets']), [{ id: client.id, data: { language: 'Catalan' } }])
})

t.test('a session that Redis refuses is kept when it does not any more', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here] = await startHosts(t, 1, 1, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const server = new Redis(redis.url)
  t.teardown(() => server.disconnect())
  await server.config('SET', 'maxmemory', '1')
  const client = await visit(t, here!)
  const refused = async () =>
    Number(/cmdstat_set:.*rejected_calls=(\d+)/.exec(await server.info('commandstats'))?.[1]) > 0
  await until('it was refused', refused)
  await server.config('SET', 'maxmemory', '0')
  await until('it is kept', async () => (await server.keys('socket.io:kept:*')).length === 1)
  client.close()
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n)
}

async function say(speaker: Visitor, room: string, from: number, to: number): Promise<void> {
  for (const n of range(from, to)) await speaker.call('namespace', ['to', room], ['emit', 'word', n])
}
