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

/** Ways to lose a worker. */
const losses: Record<string, (balancer: Balancer, pid: number) => Promise<unknown>> = {
  'gets SIGTERM': async (_, pid) => process.kill(pid, 'SIGTERM'),
  'is replaced by a reload': (balancer) => balancer.reload(),
  'is killed': async (_, pid) => process.kill(pid, 'SIGKILL'),
}

for (const [how, lose] of Object.entries(losses)) {
  t.test(`a client whose worker ${how} recovers its session, and the messages that it missed`, { skip }, async (t) => {
    const redis = await startRedis(t)
    const [here, there] = await startHosts(t, 1, 2, { adapter: 'redis-streams', redis: redis.url }, recovery)
    const sender = await visit(t, there!)
    const client = await visit(t, here!, { auth: { name: 'Ada' }, reconnectionDelay: 10 })
    const { balancer } = here!
    await client.call('socket', ['join', 'red'])
    await send(sender, 'red', 0, 20)
    await until('the first messages arrive', () => client.received('word').length === 20)

    const disconnected = once(client.socket as never, 'disconnect')
    const lost = lose(balancer, client.pid)
    await disconnected
    // Messages while the client is not connected.
    const sent = how === 'is replaced by a reload' ? Promise.resolve() : send(sender, 'red', 20, 40)
    await until('the client is back', () => client.received('hello').length === 2)
    await lost
    await sent
    t.ok(client.socket.recovered, 'the client knows of the recovery')
    t.equal(client.socket.id, client.id, 'under the same id')
    t.not(client.received('hello')[1], client.pid, 'on another process')
    const senderNow = how === 'is replaced by a reload' ? await visit(t, there!) : sender
    await send(senderNow, 'red', 40, 60)
    await until('the last messages arrive', () => client.received('word').includes(59))
    const expected = how === 'is replaced by a reload' ? [range(0, 20), range(40, 60)].flat() : range(0, 60)
    t.strictSame(client.received('word'), expected, 'no message is missing, and none came twice')
    t.match(await client.call('namespace', ['in', 'red'], ['fetchSockets']), [
      { id: client.id, rooms: ['red'], data: { name: 'Ada' } },
    ])
  })
}

t.test('a session that is still in use is not recovered by another client', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here, there] = await startHosts(t, 1, 2, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const client = await visit(t, here!, { auth: { name: 'Ada' } })
  await client.call('namespace', ['emit', 'word', 0])
  await until('the message arrives', () => client.received('word').length === 1)
  // As a client that reconnects before its worker has noticed the end of the former connection.
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
  await until('the message arrives', () => client.received('word').length === 1)
  const { _pid: pid, _lastOffset: offset } = client.socket as unknown as Record<string, unknown>
  const server = new Redis(redis.url)
  t.teardown(() => server.disconnect())
  const keptKeys = () => server.keys('socket.io:kept:*')
  await until('there is a snapshot', async () => (await keptKeys()).length === 1)
  client.socket.disconnect()
  await until('the snapshot is deleted', async () => (await keptKeys()).length === 0)
  const again = await visit(t, there!, { auth: { pid, offset } })
  t.equal(again.socket.recovered, false)
})

t.test('data that cannot travel is left out, and the other data is recovered', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here] = await startHosts(t, 1, 1, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const client = await visit(t, here!, { auth: { name: 'Ada' }, reconnectionDelay: 10 })
  await client.call('namespace', ['emit', 'word', 0])
  await until('the message arrives', () => client.received('word').length === 1)
  await client.socket.emitWithAck('hoard')
  client.socket.io.engine.close()
  await until('the client is back', () => client.received('hello').length === 2)
  t.ok(client.socket.recovered)
  t.equal(client.received('hello')[1], client.pid, 'on the same worker')
  t.match(await client.call('namespace', ['fetchSockets']), [{ id: client.id, data: { name: 'Ada' } }])
})

t.test('a snapshot follows a change in the data', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here] = await startHosts(t, 1, 1, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const client = await visit(t, here!, { reconnectionDelay: 10 })
  await client.call('namespace', ['emit', 'word', 0])
  await until('the message arrives', () => client.received('word').length === 1)
  const server = new Redis(redis.url)
  t.teardown(() => server.disconnect())
  const kept = async () => (await server.mget(await server.keys('socket.io:kept:*')))[0]
  await until('there is a snapshot', async () => typeof (await kept()) === 'string')
  const before = await kept()
  await client.socket.emitWithAck('learn', { language: 'Catalan' })
  await until('the change is noticed', async () => (await kept()) !== before)
  process.kill(client.pid, 'SIGKILL')
  await until('the client is back', () => client.received('hello').length === 2)
  t.match(await client.call('namespace', ['fetchSockets']), [{ id: client.id, data: { language: 'Catalan' } }])
})

t.test('a snapshot that Redis refuses is written once Redis accepts it', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [here] = await startHosts(t, 1, 1, { adapter: 'redis-streams', redis: redis.url }, recovery)
  const server = new Redis(redis.url)
  t.teardown(() => server.disconnect())
  await server.config('SET', 'maxmemory', '1')
  const client = await visit(t, here!)
  const refused = async () =>
    Number(/cmdstat_set:.*rejected_calls=(\d+)/.exec(await server.info('commandstats'))?.[1]) > 0
  await until('Redis has refused it', refused)
  await server.config('SET', 'maxmemory', '0')
  await until('there is a snapshot', async () => (await server.keys('socket.io:kept:*')).length === 1)
  client.close()
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n)
}

async function send(sender: Visitor, room: string, from: number, to: number): Promise<void> {
  for (const n of range(from, to)) await sender.call('namespace', ['to', room], ['emit', 'word', n])
}
