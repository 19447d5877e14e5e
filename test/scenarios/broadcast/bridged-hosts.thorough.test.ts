import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startBalancer } from '../../support/balancer.ts'
import { until } from '../../support/clients.ts'
import { fence } from '../../support/crowd.ts'
import { missing } from '../../support/installed.ts'
import { startRedis } from '../../support/redis.ts'
import { allKnow, startHosts, visit } from '../../support/socket-io.ts'

const skip = missing('redis-server')

/** Two hosts of two workers each; a crashed worker does not start again during a test. */
async function twoHosts(t: Test) {
  const redis = await startRedis(t)
  const options = { restart: { minDelay: 60_000, maxDelay: 60_000 }, reload: { grace: 50, spread: 100 } }
  const places = await startHosts(t, 2, 2, { adapter: 'bridge', redis: redis.url }, { options })
  return { redis, places, hosts: [places[0]!.balancer, places[2]!.balancer] as const }
}

t.test('a host has two connections to Redis, with any number of workers', { skip }, async (t) => {
  const { redis, hosts } = await twoHosts(t)
  const admin = new Redis(redis.url)
  t.teardown(() => admin.disconnect())
  const clients = ((await admin.client('LIST')) as string).trim().split('\n')
  t.equal(clients.length - 1, 2 * hosts.length)
  t.match(await hosts[0].status(), { bridge: { connected: true, hosts: 1, lost: 0 } })
  t.match(hosts[0].output(), /backplane\.chosen kind=redis .*adapter=bridge/)
  t.equal(hosts[0].output().match(/bridge\.joined/g)?.length, 1)
})

t.test('no worker waits for one that crashed on another host', { skip }, async (t) => {
  const { hosts } = await twoHosts(t)
  process.kill(await hosts[1].pid(0), 'SIGKILL')
  // Left to itself, the adapter takes 10 s to notice and rejects fetchSockets() meanwhile.
  await until('the worker is removed', () => allKnow([hosts[0]], 3), 4_000)
})

t.test('no worker waits for a host that crashed', { skip }, async (t) => {
  const { hosts } = await twoHosts(t)
  hosts[1].child.kill('SIGKILL')
  await hosts[1].exited
  await until('its workers are removed', () => allKnow([hosts[0]], 2), 4_000)
  t.match(hosts[0].output(), /bridge\.left host=\S+ reason="its connection to Redis is gone"/)
})

t.test('a host that ends sends a goodbye', { skip }, async (t) => {
  const { hosts } = await twoHosts(t)
  t.ok(await hosts[1].close())
  await until('its workers are removed', () => allKnow([hosts[0]], 2), 4_000)
  t.match(hosts[0].output(), /bridge\.left host=\S+ reason="it said goodbye"/)
  t.notMatch(hosts[1].output(), /redis\.down/)
})

t.test('after a reload all hosts know the new workers, and no others', { skip }, async (t) => {
  const { hosts } = await twoHosts(t)
  await hosts[1].reload()
  await until('all nodes are known', () => allKnow([...hosts], 4))
  t.equal(hosts[1].output().match(/redis\.up/g)?.length, 1, 'over the same connections')
})

t.test('one process without workers is a host like any other', { skip }, async (t) => {
  const redis = await startRedis(t)
  const env = { REDIS_URL: redis.url, FIXTURE_ATTACH: JSON.stringify({ adapter: 'bridge' }) }
  const start = (workers: number) => startBalancer(t, { fixture: 'socket-io-app', options: { workers }, env })
  const [host, standalone] = [await start(2), await start(0)]
  await until('all nodes are known', () => allKnow([host, standalone], 3))
  const all = await Promise.all([
    visit(t, { balancer: host, worker: 0 }),
    visit(t, { balancer: host, worker: 1 }),
    visit(t, { balancer: standalone }),
  ])
  for (const one of all) await one.call('namespace', ['emit', 'news', one.id])
  await fence(all)
  for (const { received } of all) t.same(new Set(received('news')), new Set(all.map(({ id }) => id)))
  for (const { socket, id } of all) socket.on('who', (answer: (id: string) => void) => answer(id))
  const answers = await all[2].call<string[]>('namespace', ['timeout', 5_000], ['emitWithAck', 'who'])
  t.same(new Set(answers), new Set(all.map(({ id }) => id)))

  await redis.kill()
  await until('the loss is noticed', async () => !(await stateOf(2)).connected)
  await all[2].call('namespace', ['emit', 'local'])
  await until('its own client has the message', () => all[2].received('local').length === 1)
  await until('the lost messages are counted', async () => (await stateOf(2)).lost > 0)
  await redis.start()
  await until('all nodes are known again', () => allKnow([host, standalone], 3))
  t.strictSame([all[0].received('local'), all[1].received('local')], [[], []])
  standalone.child.kill('SIGTERM')
  t.strictSame(await standalone.exited, { code: 0, signal: null })
  t.match(host.output(), /bridge\.left host=\S+ reason="it said goodbye"/)

  function stateOf(n: number) {
    return all[n]!.socket.emitWithAck('backplane') as Promise<{ connected: boolean; lost: number }>
  }
})
