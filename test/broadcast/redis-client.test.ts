import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { redisPair, type RedisWatch } from '../../src/broadcast/redis-client.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { startRedis } from '../support/redis.ts'

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
