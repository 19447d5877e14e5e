import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import {
  RedisConnections,
  type RedisConnectionsEvents,
  type RedisConnectionsSettings,
} from '../../src/redis/connections.ts'
import { sourceOf, type RedisTarget } from '../../src/redis/target.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { startCluster, startRedis, startSentinel } from '../support/redis.ts'
import { swallowingProxy } from './swallowing-proxy.ts'

const skip = missing('redis-server')

interface Opened {
  connections: RedisConnections
  events: string[]
  /** Messages that have arrived, as text. */
  received: string[]
}

/** Opens connections that are closed with the test. */
function open(t: Test, target: RedisTarget, settings: Partial<RedisConnectionsSettings> = {}): Opened {
  const events: string[] = []
  const received: string[] = []
  const noted: RedisConnectionsEvents = {
    up: (isBack) => events.push(isBack ? 'back' : 'up'),
    down: (reason) => events.push(`down: ${reason}`),
    refused: (command, reason) => events.push(`refused ${command}: ${reason}`),
    message: (payload) => received.push(payload.toString()),
  }
  const connections = new RedisConnections(sourceOf(target), { sharded: false, maxRetryDelay: 500, ...settings }, noted)
  t.teardown(() => connections.close())
  return { connections, events, received }
}

for (const sharded of [false, true]) {
  const kind = sharded ? 'sharded' : 'classic'
  t.test(
    `a subscription is in effect when the connections are up, and again after a loss: ${kind}`,
    { skip },
    async (t) => {
      const redis = await startRedis(t)
      const { connections, events, received } = open(t, redis.url, { sharded })
      connections.subscribe('early')
      t.match(connections, { isUp: false, isDown: false, isWritable: false })
      await connections.ready()
      t.match(connections, { isUp: true, isDown: false, isWritable: true })
      connections.subscribe('late')
      await connections.ready()
      t.equal(await connections.publish('early', Buffer.from('1')), 1)
      t.equal(await connections.publish('late', Buffer.from('2')), 1)
      connections.unsubscribe('late')
      await connections.ready()
      t.equal(await connections.publish('late', Buffer.from('3')), 0)
      await until('the messages arrive', () => received.length === 2)

      await redis.kill()
      await until('the loss is noticed', () => connections.isDown)
      await t.rejects(connections.publish('early', Buffer.from('lost')), 'a publish fails while Redis is away')
      connections.subscribe('meanwhile')
      await redis.start()
      await connections.ready()
      t.equal(await connections.publish('early', Buffer.from('4')), 1)
      t.equal(await connections.publish('meanwhile', Buffer.from('5')), 1)
      t.equal(await connections.publish('late', Buffer.from('6')), 0, 'a subscription that was ended stays so')
      await until('the messages arrive', () => received.length === 4)
      t.strictSame(received, ['1', '2', '4', '5'])
      t.strictSame(events, ['up', 'down: it closed the connection', 'back'])
    },
  )
}

t.test('the first failure is an event with its reason, and the later ones are not', async (t) => {
  const { connections, events } = open(t, '/nonexistent/redis.sock')
  let attempts = 0
  connections.publisher.on('close', () => attempts++)
  await until('several attempts have failed', () => attempts >= 3)
  t.match(events, [/^down: .*ENOENT/])
  t.equal(events.length, 1)
  const ready = connections.ready()
  connections.close()
  await ready
  t.match(connections, { isUp: false, isDown: true })
})

t.test('a refused subscription is an event and keeps nothing else from working', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const admin = new Redis(url)
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '+@all', '&open')
  admin.disconnect()
  const { connections, events, received } = open(t, { path: url, username: 'app', password: 'secret' })
  connections.subscribe('closed')
  connections.subscribe('open')
  await connections.ready()
  t.match(events, [/^refused subscribe: NOPERM/, 'up'])
  await connections.publish('open', Buffer.from('news'))
  await until('the message arrives', () => received.length === 1)
})

t.test('bytes count as unanswered until Redis has answered or the connection is lost', { skip }, async (t) => {
  const redis = await startRedis(t)
  const { connections } = open(t, redis.url)
  await connections.ready()
  redis.freeze()
  const first = connections.publish('channel', Buffer.alloc(1_000))
  const second = connections.publish('channel', Buffer.alloc(500))
  t.equal(connections.unanswered, 1_500)
  redis.thaw()
  await Promise.all([first, second])
  t.equal(connections.unanswered, 0)
  redis.freeze()
  const lost = t.rejects(connections.publish('channel', Buffer.alloc(1_000)))
  await redis.kill()
  await lost
  t.equal(connections.unanswered, 0)
})

t.test('with a limit for answers, a silent loss replaces all connections', { skip }, async (t) => {
  const redis = await startRedis(t)
  const proxy = await swallowingProxy(t, redis.url)
  const { connections, events, received } = open(t, { host: '127.0.0.1', port: proxy.port }, { silence: 300 })
  const other = open(t, redis.url)
  connections.subscribe('channel')
  await Promise.all([connections.ready(), other.connections.ready()])
  proxy.swallow()
  await t.rejects(connections.publish('channel', Buffer.from('lost')))
  await until('the connections are back', () => events.includes('back'))
  await other.connections.publish('channel', Buffer.from('after'))
  await until('the message arrives', () => received.includes('after'))
  t.match(events, ['up', /^down: Socket timeout/, 'back'])
})

t.test('the nodes of a Cluster give the number of subscribers together', { skip }, async (t) => {
  const [node] = await startCluster(t, 3)
  const target = { cluster: [{ host: '127.0.0.1', port: node!.port }] }
  const all = [open(t, target), open(t, target), open(t, target)] as const
  for (const { connections } of all) connections.subscribe('channel')
  await Promise.all(all.map(({ connections }) => connections.ready()))
  const [{ connections }] = all
  t.equal(connections.subscriber, connections.publisher, 'one client does both')
  t.equal(await connections.subscribers('channel'), 3)
  t.equal(await connections.subscribers('other'), 0)
  for (let n = 0; n < 200; n++) void connections.publish('channel', Buffer.from(`${n}`))
  const numbers = Array.from({ length: 200 }, (_, n) => `${n}`)
  for (const { received } of all) {
    await until('all have arrived', () => received.length === 200)
    t.strictSame(received, numbers, 'in the order in which they were published')
  }
})

t.test('after the loss of a master its Sentinel leads to the new one', { skip, timeout: 60_000 }, async (t) => {
  const { port, master } = await startSentinel(t)
  const { connections, events, received } = open(t, { sentinels: [{ host: '127.0.0.1', port }], name: 'main' })
  connections.subscribe('channel')
  await connections.ready()
  await master.kill()
  await until('the loss is noticed', () => connections.isDown)
  await until('the connections are back', () => connections.isUp, 30_000)
  t.equal(await connections.publish('channel', Buffer.from('after')), 1)
  await until('the message arrives', () => received.includes('after'))
  t.strictSame([events[0], events.at(-1)], ['up', 'back'])
})
