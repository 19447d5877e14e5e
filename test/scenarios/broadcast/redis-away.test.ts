import t from 'tap'
import type { AdapterChoice } from '../../../src/socket-io.ts'
import { until } from '../../support/clients.ts'
import { fence } from '../../support/crowd.ts'
import { missing } from '../../support/installed.ts'
import { startRedis } from '../../support/redis.ts'
import { startHosts, visit, type Visitor } from '../../support/socket-io.ts'

for (const adapter of ['redis', 'redis-sharded', 'redis-streams', 'bridge'] as const satisfies AdapterChoice[]) {
  const name = `${adapter}: broadcasts survive a Redis that is killed under load and starts again`
  t.test(name, { skip: missing('redis-server') }, async (t) => {
    const redis = await startRedis(t)
    const places = await startHosts(t, 2, 2, { adapter, redis: redis.url })
    const balancers = [places[0]!.balancer, places[2]!.balancer]
    const all = await Promise.all(places.map((place) => visit(t, place)))
    const [a, b] = all as [Visitor, Visitor]
    const early = await visit(t, places[1]!, { namespace: '/early' })
    const load = all.map((one, n) => broadcaster(one, `from ${n}`))
    const received = (event: string) => all.map((one) => one.received(event).length)
    await until('all clients get the broadcasts of all', () =>
      load.every(({ event }) => received(event).every((count) => count > 20)),
    )

    await redis.kill()
    const states = async () => Promise.all(all.map(stateOf))
    await until('the loss is noticed', async () => (await states()).every(({ connected }) => !connected))
    const before = received('from 0')
    await until('a worker reaches its own clients', () => received('from 0')[0]! > before[0]! + 20)
    if (adapter === 'bridge') {
      await until('a worker reaches the clients of its host', () => received('from 0')[1]! > before[1]! + 20)
      t.equal(
        (await a.call<object[]>('namespace', ['fetchSockets'])).length,
        2,
        'no answer of the other host is missing',
      )
      t.strictSame(await b.call('namespace', ['serverSideEmitWithAck', 'who']), [a.pid])
    } else {
      await t.rejects(a.call('namespace', ['fetchSockets']), 'a request that needs Redis fails')
      for (const one of [a, early]) {
        const answer = one.call('namespace', ['serverSideEmitWithAck', 'who'])
        t.notMatch(
          await answer.then(() => 'answered', String),
          /answered|timed out/,
          'at once, and not with the timeout',
        )
      }
    }
    for (const one of [a, early]) {
      const answer = one.call('namespace', ['timeout', 300], ['emitWithAck', 'no answer'])
      await t.rejects(answer, /timed out/, 'the clients of this worker get the request')
    }
    t.strictSame(received('from 0')[2], before[2], 'no message arrives at the other host')
    await until('the lost messages are counted', async () => (await states()).every(({ lost }) => lost > 20))

    await redis.start()
    await until('all connections are back', async () => (await states()).every(({ connected }) => connected))
    const back = received('from 0')
    await until('all clients get the broadcasts of all again', () =>
      load.every(({ event }) => received(event).every((count, n) => count > back[n]! + 20)),
    )
    await Promise.all(load.map(({ stop }) => stop()))
    await fence(all)
    for (const { event } of load) {
      for (const one of all) {
        const numbers = one.received(event) as number[]
        const disorder = numbers.flatMap((n, i) => (i > 0 && n <= numbers[i - 1]! ? [numbers.slice(i - 2, i + 2)] : []))
        t.strictSame(disorder, [], `${event}: in order, and none twice`)
      }
    }
    t.equal((await a.call<object[]>('namespace', ['fetchSockets'])).length, all.length)
    const workersOf = async (n: number) => (await balancers[n]!.status()).workers.map(({ pid }) => pid)
    t.strictSame(
      [...(await workersOf(0)), ...(await workersOf(1))],
      all.map(({ pid }) => pid),
      'no worker crashed',
    )
    for (const { output } of balancers) {
      const lines = (event: string) => output().match(new RegExp(`redis\\.${event}`, 'g'))?.length
      const processes = adapter === 'bridge' ? 1 : 2
      t.strictSame([lines('up'), lines('down')], [2 * processes, processes], 'one line per change and process')
    }
  })
}

/** Broadcasts numbers until stop() is called. */
function broadcaster(visitor: Visitor, event: string) {
  const ending = new AbortController()
  const run = async () => {
    for (let n = 0; !ending.signal.aborted; n++) await visitor.call('namespace', ['emit', event, n])
  }
  const done = run()
  return {
    event,
    stop() {
      ending.abort()
      return done
    },
  }
}

function stateOf({ socket }: Visitor): Promise<{ connected: boolean; lost: number }> {
  return socket.emitWithAck('backplane') as Promise<{ connected: boolean; lost: number }>
}
