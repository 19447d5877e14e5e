import t from 'tap'
import { redisBus } from '../../src/broadcast.ts'
import { BusProbe } from '../support/bus-probe.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { startRedis } from '../support/redis.ts'

const skip = missing('redis-server')

t.test('messages and additions before a close arrive, although nothing was connected yet', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const listener = redisBus({ url })
  t.teardown(() => listener.close())
  const probe = new BusProbe(() => listener)
  await probe.listen('news')
  const bus = redisBus({ url })
  bus.publish('news', 'last words')
  bus.counter('hits').add(3)
  await bus.close()
  t.match(bus.status(), { lost: 0, buffered: 0 })
  await until('the message arrives', async () => (await probe.kept('news')).length > 0)
  t.strictSame(await probe.kept('news'), ['last words'])
  t.equal(await probe.read('hits'), 3)
})

t.test('additions before a close arrive, although Redis is just starting again', { skip }, async (t) => {
  const redis = await startRedis(t)
  const bus = redisBus({ url: redis.url })
  await bus.ready()
  await redis.kill()
  await until('the loss is noticed', () => !bus.status().connected)
  bus.counter('hits').add(3)
  await redis.start()
  await bus.close()
  const other = redisBus({ url: redis.url })
  t.teardown(() => other.close())
  t.equal(await other.counter('hits').read(), 3)
})
