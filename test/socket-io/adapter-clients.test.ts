import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import type { RedisConnectionsEvents } from '../../src/redis/connections.ts'
import type { RedisTarget } from '../../src/redis/target.ts'
import { AdapterClients } from '../../src/socket-io/adapter-clients.ts'
import { swallowingProxy } from '../redis/swallowing-proxy.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { startCluster, startRedis, startSentinel } from '../support/redis.ts'

interface Diary extends RedisConnectionsEvents {
  readonly entries: string[]
}

/** Notes each event. */
function diary(): Diary {
  const entries: string[] = []
  return { entries, up: () => entries.push('up'), down: (reason) => entries.push(`down: ${reason}`) }
}

/** Opens clients that are closed with the test. */
function open(t: Test, target: RedisTarget, events: RedisConnectionsEvents): AdapterClients {
  const clients = new AdapterClients(target, false, events)
  t.teardown(() => clients.close())
  return clients
}

t.test('the loss of Redis is one event, and its return another', { skip: missing('redis-server') }, async (t) => {
  const redis = await startRedis(t)
  const events = diary()
  const clients = open(t, redis.url, events)
  await until('both connections are up', () => clients.isUp)
  t.strictSame(events.entries, ['up'], 'connecting for the first time is not a loss')

  await redis.kill()
  await until('the loss is noticed', () => !clients.isUp)
  t.equal(await clients.publisher.publish('channel', 'lost'), 0)
  t.equal(clients.lost, 1, 'a publish that Redis did not get is counted')
  await redis.start()
  await until('the connections are back', () => clients.isUp)
  t.strictSame(events.entries, ['up', 'down: it closed the connection', 'up'])
})

t.test('a Redis that cannot be reached at all is one event', async (t) => {
  const events = diary()
  const clients = open(t, '/nonexistent/redis.sock', events)
  let attempts = 0
  clients.subscriber.on('close', () => attempts++)
  await until('several attempts have failed', () => attempts >= 3)
  t.equal(events.entries.length, 1)
  t.match(events.entries[0], /^down: .*ENOENT/)
})

t.test('a close while a subscription is under way is no unhandled rejection', async (t) => {
  const silent = net.createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const clients = open(t, `redis://127.0.0.1:${(silent.address() as net.AddressInfo).port}`, diary())
  // An adapter ignores these promises, and an unhandled rejection would end the worker (and this test).
  void clients.subscriber.subscribe('one')
  void clients.subscriber.psubscribe('all*')
  await once(silent, 'connection')
  const ended = once(clients.subscriber, 'end')
  clients.close()
  await ended
  t.equal(clients.isUp, false)
})

/** Collects what arrives on a channel. */
async function listen({ subscriber }: AdapterClients): Promise<string[]> {
  const received: string[] = []
  subscriber.on('message', (_: string, message: string) => received.push(message))
  await subscriber.subscribe('channel')
  return received
}

t.test('after the loss of a master its Sentinel leads to the new one', { skip: missing('redis-server') }, async (t) => {
  const { port, master } = await startSentinel(t)
  const events = diary()
  const clients = open(t, { sentinels: [{ host: '127.0.0.1', port }], name: 'main' }, events)
  await until('both connections are up', () => clients.isUp)
  const received = await listen(clients)
  t.equal(await clients.publisher.publish('channel', 'before'), 1)
  await master.kill()
  await until('the loss is noticed', () => !clients.isUp)
  t.equal(await clients.publisher.publish('channel', 'lost'), 0)
  await until('the replica has become the master', () => clients.isUp, 20_000)
  await until('the subscription stands', async () => (await clients.publisher.publish('channel', 'after')) === 1)
  await until('the message arrives', () => received.includes('after'))
  t.strictSame(received.slice(0, 2), ['before', 'after'])
  t.equal(events.entries.filter((entry) => entry === 'up').length, 2)
})

t.test('the loss of a Cluster is one event, and its return another', { skip: missing('redis-server') }, async (t) => {
  const nodes = await startCluster(t, 3)
  const events = diary()
  const clients = open(t, { cluster: [{ host: '127.0.0.1', port: nodes[1]!.port }] }, events)
  await until('both are up', () => clients.isUp)
  const received = await listen(clients)
  await clients.publisher.publish('channel', 'before')
  await until('the message arrives', () => received.includes('before'))
  await Promise.all(nodes.map((node) => node.kill()))
  const began = performance.now()
  t.equal(await clients.publisher.publish('channel', 'lost'), 0)
  t.ok(performance.now() - began < 1_000, 'the publish fails at once')
  t.equal(clients.lost, 1)
  await until('the loss is noticed', () => !clients.isUp, 20_000)
  await Promise.all(nodes.map((node) => node.start()))
  await until('the connections are back', () => clients.isUp, 30_000)
  const again = async () => {
    await clients.publisher.publish('channel', 'after')
    return received.includes('after')
  }
  await until('the subscription stands', again, 20_000)
  t.equal(events.entries.length, 3)
  t.match(events.entries, ['up', /^down: /, 'up'])
  t.notMatch(
    events.entries[1],
    /refresh slots cache/,
    'the reason is the error of a node, and not that all of them failed',
  )
})

t.test('a refusal of Redis is an event, and no unhandled rejection', { skip: missing('redis-server') }, async (t) => {
  const { url } = await startRedis(t)
  const refused: string[] = []
  const events = { ...diary(), refused: (command: string, reason: string) => refused.push(`${command}: ${reason}`) }
  const admin = open(t, url, diary())
  await until('the connections are up', () => admin.isUp)
  await admin.publisher.call(
    'ACL',
    'SETUSER',
    'app',
    'on',
    '>secret',
    '+@all',
    '-ssubscribe',
    '-spublish',
    'allchannels',
  )
  const clients = open(t, { path: url, username: 'app', password: 'secret' }, events)
  await until('both connections are up', () => clients.isUp)
  await t.rejects(clients.subscriber.ssubscribe('channel'))
  t.equal(await clients.publisher.spublish('channel', 'lost'), 0)
  t.match(refused, [/^ssubscribe: NOPERM/, /^spublish: NOPERM/])
})

t.test('a Redis that hangs counts as away', { skip: missing('redis-server') }, async (t) => {
  const redis = await startRedis(t)
  const events = diary()
  const clients = open(t, { path: redis.url, socketTimeout: 300 }, events)
  await until('both connections are up', () => clients.isUp)
  redis.freeze()
  t.equal(await clients.publisher.publish('channel', 'lost'), 0)
  t.equal(clients.lost, 1)
  t.match(events.entries, ['up', /^down: Socket timeout/])
  redis.thaw()
  await until('the connections are back', () => clients.isUp)
})

t.test('a subscriber that was cut off silently connects again', { skip: missing('redis-server') }, async (t) => {
  const redis = await startRedis(t)
  const proxy = await swallowingProxy(t, redis.url)
  const events = diary()
  const clients = open(t, { host: '127.0.0.1', port: proxy.port, socketTimeout: 300 }, events)
  const other = open(t, redis.url, diary())
  await until('all are up', () => clients.isUp && other.isUp)
  const received = await listen(clients)
  proxy.swallow()
  t.equal(await clients.publisher.publish('channel', 'lost'), 0)
  await until('both are back', () => events.entries.filter((entry) => entry === 'up').length === 2)
  const again = async () => {
    await other.publisher.publish('channel', 'after')
    return received.includes('after')
  }
  await until('messages of another client arrive', again)
  t.match(events.entries, ['up', /^down: Socket timeout/, 'up'])
})

t.test('the limit for answers does not cut off a read that blocks', { skip: missing('redis-server') }, async (t) => {
  const redis = await startRedis(t)
  const events = diary()
  const clients = open(t, { path: redis.url, socketTimeout: 100 }, events)
  const reader = clients.openSubscriber()
  await until('all are up', () => clients.isUp)
  const closed = once(reader, 'close').then(() => 'closed')
  t.equal(await Promise.race([reader.xread('BLOCK', 500, 'STREAMS', 'stream', '$'), closed]), null)
  t.strictSame(events.entries, ['up'])
})
