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
    `a stopped worker costs little memory and delays no other worker, over ${transport}`,
    { timeout: 60_000 },
    async (t) => {
      const maxBuffered = 1024 * 1024
      const { balancer, members } = await busFamily(t, { bus: { maxBuffered }, env })
      const [a, b, c] = members
      await b.count('load')
      await c.count('load')
      const stopped = Number(c.name['pid'])
      process.kill(stopped, 'SIGSTOP')
      // The first messages take the memory that the load needs, and fill the queue.
      const start = 4_000
      await floodTogether(a, [b], 0, start)
      const before = await residentBytes(balancer)
      const count = 16_000
      await floodTogether(a, [b], start, count)
      t.match(await b.received('load'), { a: { count, missing: 0, disorder: false } })
      const status = await busOf({ balancer })
      const line = status.workers.find(({ pid }) => pid === stopped)!
      t.ok(line.queuedBytes <= maxBuffered && line.queuedBytes > maxBuffered / 2, `${line.queuedBytes} bytes wait`)
      t.ok(line.dropped > 0 && line.dropped === status.dropped, `${line.dropped} messages were dropped`)
      const grown = (await residentBytes(balancer)) - before
      const passed = (count - start) * SIZE
      t.ok(grown < passed / 2, `the primary has grown by ${grown} bytes, of ${passed} that it passed on`)
      t.match(balancer.output(), /bus[.]slow worker=2/)

      process.kill(stopped, 'SIGCONT')
      await until('the newest message has arrived', async () => (await c.received('load'))['a']?.last === count - 1)
      const { dropped } = await busOf({ balancer })
      t.match(await c.received('load'), { a: { count: count - dropped, missing: dropped, disorder: false } })
      t.match(await c.status(), { missed: dropped, connected: true })
      await a.flood({ channel: 'load', from: 'a', count: 100, first: count })
      await until('later messages arrive', async () => (await c.received('load'))['a']?.last === count + 99)
      t.match(await c.received('load'), { a: { missing: dropped } })
      t.match(balancer.output(), /bus[.]caught-up worker=2/)
      t.equal(balancer.output().match(/bus[.]slow/g)?.length, 1)
    },
  )

  t.test(
    `with slow: 'disconnect' the slow worker learns of the loss and joins again, over ${transport}`,
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
      t.match(await line(), { channels: 0, queued: 0 }, 'no message is kept for the worker')

      process.kill(stopped, 'SIGCONT')
      await until(
        'the worker has joined again',
        async () => (await c.status()).connected && (await line()).channels === 1,
      )
      const { dropped } = await line()
      t.match(await c.status(), { missed: dropped, connected: true })
      t.match(
        balancer.output(),
        /warning bus[.]down kind=ipc worker=2 reason="too much waited for this worker" missed=\d+/,
      )
      t.match(balancer.output(), /bus[.]up kind=ipc worker=2/)
      await a.flood({ channel: 'load', from: 'a', count: 100, first: count })
      await until('later messages arrive', async () => (await c.received('load'))['a']?.last === count + 99)
      t.match(await b.received('load'), { a: { missing: 0, disorder: false } })
      t.match(await c.received('load'), { a: { disorder: false } })
    },
  )

  t.test(`when a worker is killed under load only its own messages are lost, over ${transport}`, async (t) => {
    const family = await busFamily(t, { env })
    const { balancer, members } = family
    const [a, b, c] = members
    const count = 4_000
    for (const one of members) await one.count('load')
    const pid = Number(c.name['pid'])
    const flood = { channel: 'load', count, size: 200, perTurn: 20 }
    const floods = [a, b].map((one, i) => one.flood({ ...flood, from: `${i}` }))
    const cut = c.flood({ ...flood, from: 'c', count: 1_000_000 }).catch(() => 'cut')
    await until('messages of the third worker arrive', async () => ((await a.received('load'))['c']?.count ?? 0) > 100)
    process.kill(pid, 'SIGKILL')
    t.equal(await cut, 'cut')
    await Promise.all(floods)
    for (const one of [a, b]) {
      await until('all messages have arrived', async () => {
        const received = await one.received('load')
        return received['0']?.last === count - 1 && received['1']?.last === count - 1
      })
      const received = await one.received('load')
      for (const from of ['0', '1']) t.match(received[from], { count, missing: 0, disorder: false })
      t.match(received['c'], { missing: 0, disorder: false })
    }
    const successor = await family.successor(2, pid)
    const { relayed } = await busOf({ balancer })
    await a.flood({ ...flood, from: 'between', count: 1 })
    await until('the message arrives', async () => (await b.received('load'))['between'] !== undefined)
    t.equal((await busOf({ balancer })).relayed, relayed + 1, 'no message is kept for a worker that has ended')
    await successor.count('load')
    await a.flood({ ...flood, from: 'again', count: 100 })
    await until(
      'messages arrive at the successor',
      async () => (await successor.received('load'))['again']?.count === 100,
    )
    t.match(await busOf({ balancer }), { dropped: 0, workers: { length: 3 } })
  })
}

t.test('without the primary the bus is not connected, and no method throws', async (t) => {
  const { balancer, members } = await busFamily(t, {})
  const [a] = members
  let n = 1
  while ((await balancer.explain(loopback(n))).worker !== 0) n++
  const client = await dial(balancer.port, loopback(n))
  client.on('error', () => {}).write('GET / HTTP/1.1\r\nhost: fixture\r\n\r\n')
  await a.listen('news')
  t.match(await a.status(), { connected: true })
  process.kill(balancer.child.pid!, 'SIGKILL')
  await until('the loss is noticed', async () => !(await a.status()).connected)
  t.equal(await a.read('hits'), 'HOLDFAST_BUS_AWAY')
  await a.add('hits')
  await a.publish('news', 'still here')
  await until('local delivery goes on', async () => (await a.kept('news')).length === 1)
  t.match(await a.status(), { lost: 1, connected: false })
  t.equal(await a.ready().then(() => 'ready', String), 'ready')
  await a.close()
})

t.test('the last message of a worker that leaves arrives', async (t) => {
  const { balancer, members } = await busFamily(t, {})
  const [a, b, c] = members
  await a.listen('goodbyes')
  for (const one of [b, c]) process.kill(Number(one.name['pid']), 'SIGTERM')
  await until('both messages arrive', async () => (await a.kept('goodbyes')).length === 2)
  t.strictSame((await a.kept('goodbyes')).map(String).toSorted(), ['1', '2'])
  t.equal(await balancer.close(), true)
})

t.test('a total outlives the worker that added to it', async (t) => {
  const family = await busFamily(t, {})
  const [a, , c] = family.members
  await c.add('visits', 41)
  await until('the addition is counted', async () => (await a.read('visits')) === 41)
  process.kill(Number(c.name['pid']), 'SIGKILL')
  const successor = await family.successor(2, Number(c.name['pid']))
  await successor.add('visits')
  t.equal(await successor.read('visits'), 42)
  t.match(await busOf(family), { counters: 1 })
})

const SIZE = 5_000

/** Publishes no faster than the messages arrive at the others. */
async function floodTogether(one: Probe, others: readonly Probe[], from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += 40) {
    await one.flood({ channel: 'load', from: 'a', count: 40, first, size: SIZE, perTurn: 20 })
    for (const other of others) {
      await until('the message arrives', async () => (await other.received('load'))['a']?.last === first + 39)
    }
  }
}

async function busOf({ balancer }: Pick<BusFamily, 'balancer'>): Promise<Status['bus']> {
  return (await balancer.status()).bus
}

/** Resident memory of the primary, after a garbage collection. */
async function residentBytes({ child, resources }: Balancer): Promise<number> {
  await resources()
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024
}
