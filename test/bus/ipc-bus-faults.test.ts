import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Status } from '../../src/index.ts'
import type { Balancer } from '../support/balancer.ts'
import { busFamily, type BusFamily } from '../support/bus-family.ts'
import type { Probe } from '../support/bus-probe.ts'
import { dial, loopback, until } from '../support/clients.ts'

for (const [transport, env] of [
  ['descriptor-channel', {}],
  ['node-ipc', { HOLDFAST_NATIVE: '0' }],
] as const) {
  t.test(
    `a stopped worker costs little memory and delays nobody, over ${transport}`,
    { timeout: 60_000 },
    async (t) => {
      const maxBuffered = 1024 * 1024
      const { balancer, members } = await busFamily(t, { bus: { maxBuffered }, env })
      const [a, b, c] = members
      await b.count('load')
      await c.count('load')
      const stopped = Number(c.name['pid'])
      process.kill(stopped, 'SIGSTOP')
      // What the load itself takes, and what may wait.
      const start = 4_000
      await floodTogether(a, [b], 0, start)
      const before = await residentBytes(balancer)
      const count = 16_000
      await floodTogether(a, [b], start, count)
      t.match(await b.heard('load'), { a: { count, missing: 0, disorder: false } })
      const status = await busOf({ balancer })
      const line = status.workers.find(({ pid }) => pid === stopped)!
      t.ok(line.queuedBytes <= maxBuffered && line.queuedBytes > maxBuffered / 2, `${line.queuedBytes} bytes wait`)
      t.ok(line.dropped > 0 && line.dropped === status.dropped, `${line.dropped} messages were dropped`)
      const grown = (await residentBytes(balancer)) - before
      const passed = (count - start) * SIZE
      t.ok(grown < passed / 2, `the primary has grown by ${grown} bytes, of ${passed} that went by`)
      t.match(balancer.output(), /bus[.]slow worker=2/)

      process.kill(stopped, 'SIGCONT')
      await until('it has heard the newest', async () => (await c.heard('load'))['a']?.last === count - 1)
      const { dropped } = await busOf({ balancer })
      t.match(await c.heard('load'), { a: { count: count - dropped, missing: dropped, disorder: false } })
      t.match(await c.status(), { missed: dropped, connected: true })
      await a.flood({ channel: 'load', from: 'a', count: 100, first: count })
      await until('it hears all again', async () => (await c.heard('load'))['a']?.last === count + 99)
      t.match(await c.heard('load'), { a: { missing: dropped } })
      t.match(balancer.output(), /bus[.]caught-up worker=2/)
      t.equal(balancer.output().match(/bus[.]slow/g)?.length, 1)
    },
  )

  t.test(
    `slow: 'disconnect' tells the slow worker, which joins again, over ${transport}`,
    { timeout: 60_000 },
    async (t) => {
      const { balancer, members } = await busFamily(t, { bus: { maxBuffered: 256 * 1024, slow: 'disconnect' }, env })
      const [a, b, c] = members
      await b.count('load')
      await c.count('load')
      const stopped = Number(c.name['pid'])
      process.kill(stopped, 'SIGSTOP')
      const count = 2_000
      await floodTogether(a, [b], 0, count)
      const line = async () => (await busOf({ balancer })).workers.find(({ pid }) => pid === stopped)!
      t.match(await line(), { channels: 0, queued: 0 }, 'nothing is kept for it')

      process.kill(stopped, 'SIGCONT')
      await until('it has joined again', async () => (await c.status()).connected && (await line()).channels === 1)
      const { dropped } = await line()
      t.match(await c.status(), { missed: dropped, connected: true })
      t.match(
        balancer.output(),
        /warning bus[.]down kind=ipc worker=2 reason="too much waited for this worker" missed=\d+/,
      )
      t.match(balancer.output(), /bus[.]up kind=ipc worker=2/)
      await a.flood({ channel: 'load', from: 'a', count: 100, first: count })
      await until('it hears again', async () => (await c.heard('load'))['a']?.last === count + 99)
      t.match(await b.heard('load'), { a: { missing: 0, disorder: false } })
      t.match(await c.heard('load'), { a: { disorder: false } })
    },
  )

  t.test(`a worker that is killed under load takes only its own messages with it, over ${transport}`, async (t) => {
    const family = await busFamily(t, { env })
    const { balancer, members } = family
    const [a, b, c] = members
    const count = 4_000
    for (const one of members) await one.count('load')
    const pid = Number(c.name['pid'])
    const flood = { channel: 'load', count, size: 200, perTurn: 20 }
    const floods = [a, b].map((one, i) => one.flood({ ...flood, from: `${i}` }))
    const cut = c.flood({ ...flood, from: 'c', count: 1_000_000 }).catch(() => 'cut')
    await until('the third one is heard', async () => ((await a.heard('load'))['c']?.count ?? 0) > 100)
    process.kill(pid, 'SIGKILL')
    t.equal(await cut, 'cut')
    await Promise.all(floods)
    for (const one of [a, b]) {
      await until('all has come', async () => {
        const heard = await one.heard('load')
        return heard['0']?.last === count - 1 && heard['1']?.last === count - 1
      })
      const heard = await one.heard('load')
      for (const from of ['0', '1']) t.match(heard[from], { count, missing: 0, disorder: false })
      t.match(heard['c'], { missing: 0, disorder: false })
    }
    const successor = await family.successor(2, pid)
    const { relayed } = await busOf({ balancer })
    await a.flood({ ...flood, from: 'between', count: 1 })
    await until('it is heard', async () => (await b.heard('load'))['between'] !== undefined)
    t.equal((await busOf({ balancer })).relayed, relayed + 1, 'nothing is kept for the dead')
    await successor.count('load')
    await a.flood({ ...flood, from: 'again', count: 100 })
    await until('its successor hears', async () => (await successor.heard('load'))['again']?.count === 100)
    t.match(await busOf({ balancer }), { dropped: 0, workers: { length: 3 } })
  })
}

t.test('when the primary is gone the bus says so, and nothing throws', async (t) => {
  const { balancer, members } = await busFamily(t, {})
  const [a] = members
  let n = 1
  while ((await balancer.explain(loopback(n))).worker !== 0) n++
  const visitor = await dial(balancer.port, loopback(n))
  visitor.on('error', () => {}).write('GET / HTTP/1.1\r\nhost: fixture\r\n\r\n')
  await a.listen('news')
  t.match(await a.status(), { connected: true })
  process.kill(balancer.child.pid!, 'SIGKILL')
  await until('it is noticed', async () => !(await a.status()).connected)
  t.equal(await a.read('hits'), 'HOLDFAST_BUS_AWAY')
  await a.add('hits')
  await a.publish('news', 'still here')
  await until('local delivery goes on', async () => (await a.kept('news')).length === 1)
  t.match(await a.status(), { lost: 1, connected: false })
  t.equal(await a.ready().then(() => 'ready', String), 'ready')
  await a.close()
})

t.test('what a worker says last, when it leaves, is heard', async (t) => {
  const { balancer, members } = await busFamily(t, {})
  const [a, b, c] = members
  await a.listen('goodbyes')
  for (const one of [b, c]) process.kill(Number(one.name['pid']), 'SIGTERM')
  await until('both were heard', async () => (await a.kept('goodbyes')).length === 2)
  t.strictSame((await a.kept('goodbyes')).map(String).toSorted(), ['1', '2'])
  t.equal(await balancer.close(), true)
})

t.test('counters outlive the worker that added', async (t) => {
  const family = await busFamily(t, {})
  const [a, , c] = family.members
  await c.add('visits', 41)
  await until('it has counted', async () => (await a.read('visits')) === 41)
  process.kill(Number(c.name['pid']), 'SIGKILL')
  const successor = await family.successor(2, Number(c.name['pid']))
  await successor.add('visits')
  t.equal(await successor.read('visits'), 42)
  t.match(await busOf(family), { counters: 1 })
})

const SIZE = 5_000

/** One publishes no faster than the others hear. */
async function floodTogether(one: Probe, others: readonly Probe[], from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += 40) {
    await one.flood({ channel: 'load', from: 'a', count: 40, first, size: SIZE, perTurn: 20 })
    for (const other of others) {
      await until('it is heard', async () => (await other.heard('load'))['a']?.last === first + 39)
    }
  }
}

async function busOf({ balancer }: Pick<BusFamily, 'balancer'>): Promise<Status['bus']> {
  return (await balancer.status()).bus
}

/** Of the primary, once the garbage is gone. */
async function residentBytes({ child, resources }: Balancer): Promise<number> {
  await resources()
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024
}
