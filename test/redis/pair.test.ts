import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { redisPair, type RedisPair, type RedisWatch } from '../../src/redis/pair.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { startCluster, startRedis, startSentinel } from '../support/redis.ts'

/** Notes what the watch is told. */
function diary(): RedisWatch & { entries: string[] } {
  const entries: string[] = []
  return { entries, up: () => entries.push('up'), down: (reason) => entries.push(`down: ${reason}`) }
}

t.test('Redis going away and coming back is told once each', { skip: missing('redis-server') }, async (t) => {
  const redis = await startRedis(t)
  const watch = diary()
  const pair = redisPair(redis.url, watch)
  t.teardown(() => pair.close())
  await until('both connections are up', () => pair.connected)
  t.strictSame(watch.entries, ['up'], 'connecting for the first time is not a loss')

  await redis.kill()
  await until('the loss is noticed', () => !pair.connected)
  t.equal(await pair.publisher.publish('channel', 'nobody gets it'), 0)
  t.equal(pair.lost, 1, 'a publish that Redis did not get is counted')
  await redis.start()
  await until('it is back', () => pair.connected)
  t.strictSame(watch.entries, ['up', 'down: it closed the connection', 'up'])
})

t.test('a Redis that was never there is told once', async (t) => {
  const watch = diary()
  const pair = redisPair('/nonexistent/redis.sock', watch)
  t.teardown(() => pair.close())
  let attempts = 0
  pair.subscriber.on('close', () => attempts++)
  await until('several attempts have failed', () => attempts >= 3)
  t.equal(watch.entries.length, 1)
  t.match(watch.entries[0], /^down: .*ENOENT/)
})

t.test('closing while a subscription is on its way harms nobody', async (t) => {
  const silent = net.createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const pair = redisPair(`redis://127.0.0.1:${(silent.address() as net.AddressInfo).port}`, diary())
  // An adapter looks at nothing that these return, and an unhandled rejection would end the worker (and this test).
  void pair.subscriber.subscribe('one')
  void pair.subscriber.psubscribe('all*')
  await once(silent, 'connection')
  const ended = once(pair.subscriber, 'end')
  await pair.close()
  await ended
  t.equal(pair.connected, false)
})

/** What the subscriber has heard on a channel. */
async function ear({ subscriber }: RedisPair): Promise<string[]> {
  const heard: string[] = []
  subscriber.on('message', (_: string, message: string) => heard.push(message))
  await subscriber.subscribe('channel')
  return heard
}

t.test('a Sentinel leads to the new master when the old one is gone', { skip: missing('redis-server') }, async (t) => {
  const { port, master } = await startSentinel(t)
  const watch = diary()
  const pair = redisPair({ sentinels: [{ host: '127.0.0.1', port }], name: 'main' }, watch)
  t.teardown(() => pair.close())
  await until('both connections are up', () => pair.connected)
  const heard = await ear(pair)
  t.equal(await pair.publisher.publish('channel', 'before'), 1)
  await master.kill()
  await until('the loss is noticed', () => !pair.connected)
  t.equal(await pair.publisher.publish('channel', 'lost'), 0)
  await until('the replica has become the master', () => pair.connected, 20_000)
  await until('the subscription stands', async () => (await pair.publisher.publish('channel', 'after')) === 1)
  await until('it is heard', () => heard.includes('after'))
  t.strictSame(heard.slice(0, 2), ['before', 'after'])
  t.equal(watch.entries.filter((entry) => entry === 'up').length, 2)
})

t.test('a Cluster that goes away and comes back is told once each', { skip: missing('redis-server') }, async (t) => {
  const nodes = await startCluster(t, 3)
  const watch = diary()
  const pair = redisPair({ cluster: [{ host: '127.0.0.1', port: nodes[1]!.port }] }, watch)
  t.teardown(() => pair.close())
  await until('both are up', () => pair.connected)
  const heard = await ear(pair)
  await pair.publisher.publish('channel', 'before')
  await until('it is heard', () => heard.includes('before'))
  await Promise.all(nodes.map((node) => node.kill()))
  const began = performance.now()
  t.equal(await pair.publisher.publish('channel', 'lost'), 0)
  t.ok(performance.now() - began < 1_000, 'it fails at once')
  t.equal(pair.lost, 1)
  await until('the loss is noticed', () => !pair.connected, 20_000)
  await Promise.all(nodes.map((node) => node.start()))
  await until('it is back', () => pair.connected, 30_000)
  const again = async () => {
    await pair.publisher.publish('channel', 'after')
    return heard.includes('after')
  }
  await until('the subscription stands', again, 20_000)
  t.equal(watch.entries.length, 3)
  t.match(watch.entries, ['up', /^down: /, 'up'])
  t.notMatch(watch.entries[1], /refresh slots cache/, 'a node tells more than that all of them failed')
})

t.test('what Redis refuses is told, and harms nobody', { skip: missing('redis-server') }, async (t) => {
  const { url } = await startRedis(t)
  const refused: string[] = []
  const watch = { ...diary(), refused: (command: string, reason: string) => refused.push(`${command}: ${reason}`) }
  const admin = redisPair(url, diary())
  t.teardown(() => admin.close())
  await until('it is up', () => admin.connected)
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
  const pair = redisPair({ path: url, username: 'app', password: 'secret' }, watch)
  t.teardown(() => pair.close())
  await until('both connections are up', () => pair.connected)
  await t.rejects(pair.subscriber.ssubscribe('channel'))
  t.equal(await pair.publisher.spublish('channel', 'nobody gets it'), 0)
  t.match(refused, [/^ssubscribe: NOPERM/, /^spublish: NOPERM/])
})

t.test('a Redis that hangs is away, too', { skip: missing('redis-server') }, async (t) => {
  const redis = await startRedis(t)
  const watch = diary()
  const pair = redisPair({ path: redis.url, socketTimeout: 300 }, watch)
  t.teardown(() => pair.close())
  await until('both connections are up', () => pair.connected)
  redis.freeze()
  t.equal(await pair.publisher.publish('channel', 'nobody gets it'), 0)
  t.equal(pair.lost, 1)
  t.match(watch.entries, ['up', /^down: Socket timeout/])
  redis.thaw()
  await until('it is back', () => pair.connected)
})

t.test('a subscriber that was cut off silently is connected again', { skip: missing('redis-server') }, async (t) => {
  const redis = await startRedis(t)
  const proxy = await swallowingProxy(t, redis.url)
  const watch = diary()
  const pair = redisPair({ host: '127.0.0.1', port: proxy.port, socketTimeout: 300 }, watch)
  const other = redisPair(redis.url, diary())
  t.teardown(() => Promise.all([pair.close(), other.close()]))
  await until('all are up', () => pair.connected && other.connected)
  const heard = await ear(pair)
  proxy.swallow()
  t.equal(await pair.publisher.publish('channel', 'lost'), 0)
  await until('both are back', () => watch.entries.filter((entry) => entry === 'up').length === 2)
  const again = async () => {
    await other.publisher.publish('channel', 'after')
    return heard.includes('after')
  }
  await until('it hears what others say', again)
  t.match(watch.entries, ['up', /^down: Socket timeout/, 'up'])
})

t.test(
  'who waits for Redis is not cut off by a time for those that ask',
  { skip: missing('redis-server') },
  async (t) => {
    const redis = await startRedis(t)
    const watch = diary()
    const pair = redisPair({ path: redis.url, socketTimeout: 100 }, watch)
    t.teardown(() => pair.close())
    const reader = pair.another()
    await until('all are up', () => pair.connected)
    const closed = once(reader, 'close').then(() => 'closed')
    t.equal(await Promise.race([reader.xread('BLOCK', 500, 'STREAMS', 'stream', '$'), closed]), null)
    t.strictSame(watch.entries, ['up'])
  },
)

/** A way to Redis that carries nothing more over the connections of before, and does not close them. */
async function swallowingProxy(t: Test, path: string): Promise<{ port: number; swallow(): void }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(path)
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}))
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as net.AddressInfo).port,
    swallow() {
      for (const socket of sockets) socket.unpipe().pause()
    },
  }
}
