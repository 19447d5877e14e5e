import t from 'tap'
import type { AdapterChoice } from '../../../src/socket-io.ts'
import { until } from '../../support/clients.ts'
import { fence } from '../../support/crowd.ts'
import { missing } from '../../support/installed.ts'
import { startRedis } from '../../support/redis.ts'
import { startHosts, visit, type Visitor } from '../../support/socket-io.ts'

for (const adapter of ['redis', 'redis-sharded', 'redis-streams', 'bridge'] as const satisfies AdapterChoice[]) {
  const name = `${adapter}: Redis is killed under load and comes back`
  t.test(name, { skip: missing('redis-server') }, async (t) => {
    const redis = await startRedis(t)
    const places = await startHosts(t, 2, 2, { adapter, redis: redis.url })
    const balancers = [places[0]!.balancer, places[2]!.balancer]
    const all = await Promise.all(places.map((place) => visit(t, place)))
    const [a, b] = all as [Visitor, Visitor]
    const early = await visit(t, places[1]!, { namespace: '/early' })
    const load = all.map((one, n) => talker(one, `from ${n}`))
    const heard = (event: string) => all.map((one) => one.heard(event).length)
    await until('everybody hears everybody', () => load.every(({ event }) => heard(event).every((count) => count > 20)))

    await redis.kill()
    const states = async () => Promise.all(all.map(stateOf))
    await until('all have noticed', async () => (await states()).every(({ connected }) => !connected))
    const before = heard('from 0')
    await until('a worker reaches its own clients', () => heard('from 0')[0]! > before[0]! + 20)
    if (adapter === 'bridge') {
      await until('and those of its host', () => heard('from 0')[1]! > before[1]! + 20)
      t.equal((await a.call<object[]>('namespace', ['fetchSockets'])).length, 2, 'the other host is not waited for')
      t.strictSame(await b.call('namespace', ['serverSideEmitWithAck', 'who']), [a.pid])
    } else {
      await t.rejects(a.call('namespace', ['fetchSockets']), 'who has to ask Redis is told')
      for (const one of [a, early]) {
        const asked = one.call('namespace', ['serverSideEmitWithAck', 'who'])
        t.notMatch(await asked.then(() => 'answered', String), /answered|timed out/, 'at once, and not after a time')
      }
    }
    for (const one of [a, early]) {
      const asked = one.call('namespace', ['timeout', 300], ['emitWithAck', 'nobody answers'])
      await t.rejects(asked, /timed out/, 'clients are asked all the same')
    }
    t.strictSame(heard('from 0')[2], before[2], 'the other host hears nothing')
    await until('what is lost is counted', async () => (await states()).every(({ lost }) => lost > 20))

    await redis.start()
    await until('all are back', async () => (await states()).every(({ connected }) => connected))
    const back = heard('from 0')
    await until('everybody hears everybody again', () =>
      load.every(({ event }) => heard(event).every((count, n) => count > back[n]! + 20)),
    )
    await Promise.all(load.map(({ stop }) => stop()))
    await fence(all)
    for (const { event } of load) {
      for (const one of all) {
        const numbers = one.heard(event) as number[]
        const astray = numbers.flatMap((n, i) => (i > 0 && n <= numbers[i - 1]! ? [numbers.slice(i - 2, i + 2)] : []))
        t.strictSame(astray, [], `${event}: in order, and nothing twice`)
      }
    }
    t.equal((await a.call<object[]>('namespace', ['fetchSockets'])).length, all.length)
    const workersOf = async (n: number) => (await balancers[n]!.status()).workers.map(({ pid }) => pid)
    t.strictSame(
      [...(await workersOf(0)), ...(await workersOf(1))],
      all.map(({ pid }) => pid),
      'nobody crashed',
    )
    for (const { output } of balancers) {
      const lines = (event: string) => output().match(new RegExp(`redis\\.${event}`, 'g'))?.length
      const tellers = adapter === 'bridge' ? 1 : 2
      t.strictSame([lines('up'), lines('down')], [2 * tellers, tellers], 'one line per change')
    }
  })
}

/** Broadcasts numbers until it is told to stop. */
function talker(visitor: Visitor, event: string) {
  const ending = new AbortController()
  const talk = async () => {
    for (let n = 0; !ending.signal.aborted; n++) await visitor.call('namespace', ['emit', event, n])
  }
  const done = talk()
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
