// The contract of each way of steering over each transport, with real processes and real clients. Each combination runs this
// suite. Where a test has many clients, half of them come over a second port.
import { once } from 'node:events'
import net from 'node:net'
import type { Test } from 'tap'
import { startBalancer, type Balancer, type BalancerOptions } from '../support/balancer.ts'
import { dial, loopback, pool, request, until } from '../support/clients.ts'

export interface Combination {
  steering: 'handoff' | 'kernel'
  /** HOLDFAST_NATIVE in the balancer's environment: '0' means node-ipc. */
  native: '0' | '1'
}

/** The addresses of 1,020 connections: 250 of IPv4, four times each, and one of IPv6. */
const sources = [
  ...Array.from({ length: 1000 }, (_, i) => loopback(i % 250)),
  ...Array.from({ length: 20 }, () => '::1'),
]

/** The worker that each client reaches, by address. @throws Error when a client reaches two workers */
async function reachedWorkers(balancer: Balancer): Promise<Map<string, number>> {
  const ports = await portsOf(balancer)
  // Each address comes over both ports.
  const portOf = (i: number) => ports[(Math.floor(i / 250) + i) % ports.length]!
  const replies = await pool(
    sources.map((from, i) => () => request({ port: portOf(i), from })),
    64,
  )
  const reached = new Map<string, number>()
  for (const [i, { worker }] of replies.entries()) {
    const from = sources[i]!
    if (reached.has(from) && reached.get(from) !== worker) throw new Error(`${from} reached two workers`)
    reached.set(from, worker)
  }
  return reached
}

async function portsOf(balancer: Balancer): Promise<number[]> {
  const { addresses } = await balancer.status()
  return addresses.map((address) => (address as net.AddressInfo).port)
}

/** The worker that explain() names for each client, by address. */
async function explainedWorkers(balancer: Balancer): Promise<Map<string, number>> {
  const explained = new Map<string, number>()
  for (const from of new Set(sources)) explained.set(from, (await balancer.explain(from)).worker)
  return explained
}

const TWO_PORTS = [0, 0]

export function steeringContract(t: Test, { steering, native }: Combination): void {
  const start = (t: Test, { options, ...more }: BalancerOptions) =>
    startBalancer(t, { ...more, options: { ...options, steering }, env: { HOLDFAST_NATIVE: native } })

  t.test(
    'every client reaches the worker that explain() names, also after each worker was killed, and after a restart',
    async (t) => {
      const options = { port: TWO_PORTS, workers: 3, limits: { holdTimeout: 30_000 } }
      const first = await start(t, { options })
      const explained = await explainedWorkers(first)
      t.equal(new Set(explained.values()).size, 3, 'all workers are used')
      t.strictSame(await reachedWorkers(first), explained)

      for (const worker of [0, 1, 2]) {
        const pid = await first.pid(worker)
        const back = first.event<{ id: number }>('worker:ready', ({ id }) => id === worker)
        process.kill(pid, 'SIGKILL')
        await back
        t.not(await first.pid(worker), pid, `worker ${worker} is another process`)
        t.strictSame(await reachedWorkers(first), explained)
      }
      const { connections } = await first.status()
      t.equal(connections.handedOff, connections.accepted, 'every connection was handed off')
      t.equal(connections.pending, 0)
      await first.close()

      const second = await start(t, { options })
      t.strictSame(await reachedWorkers(second), explained, 'the same after a restart of everything')
    },
  )

  t.test(
    'when a worker is stopped and killed under load from 300 clients, all are answered and none hangs',
    async (t) => {
      const options = { port: TWO_PORTS, workers: 3, limits: { holdTimeout: 30_000 } }
      const balancer = await start(t, { options })
      const ports = await portsOf(balancer)
      const stopped = await balancer.pid(1)
      process.kill(stopped, 'SIGSTOP')
      let answered = 0
      const ask = async (n: number) => {
        const reply = await request({ port: ports[n % 2]!, from: loopback(n) })
        answered++
        return reply
      }
      const answers = Promise.all(Array.from({ length: 300 }, (_, n) => ask(n)))
      await until('the clients of the other workers are answered', async () => {
        const { workers } = await balancer.status()
        return answered + workers[1]!.pending === 300
      })
      const { workers } = await balancer.status()
      t.ok(workers[1]!.pending > 50, `${workers[1]!.pending} connections wait for the stopped worker`)
      process.kill(stopped, 'SIGKILL')
      const replies = await answers
      t.equal(replies.length, 300)
      t.notOk(replies.some(({ pid }) => pid === stopped))
      for (const [n, { worker }] of replies.entries()) {
        t.equal(worker, (await balancer.explain(loopback(n))).worker, `client ${n} reaches its worker`)
      }
      const { connections } = await balancer.status()
      t.equal(connections.pending, 0)
      if (steering === 'handoff') t.ok(connections.redispatched > 0, `${connections.redispatched} were sent again`)
    },
  )

  t.test('when a worker exits while connections are on their way to it, all are dispatched again', async (t) => {
    const options = { port: TWO_PORTS, workers: 2, limits: { holdTimeout: 30_000 } }
    const balancer = await start(t, { options })
    const { port } = balancer
    const ports = await portsOf(balancer)
    const addresses: string[] = []
    for (let n = 0; addresses.length < 40; n++) {
      if ((await balancer.explain(loopback(n))).worker === 0) addresses.push(loopback(n))
    }
    // The first request keeps the worker busy, so that the other connections queue up, and then ends the worker.
    const doomed = t.rejects(request({ port, from: addresses[0]!, path: '/exit?ms=400' }), { code: 'ECONNRESET' })
    const pid = await balancer.pid(0)
    await until('the worker is busy', () => balancer.output().includes(`busy ${pid}`))
    const rest = Promise.all(addresses.slice(1).map((from, n) => request({ port: ports[n % 2]!, from })))
    await until('they are on their way', async () => (await balancer.status()).workers[0]!.pending === 39)
    await doomed
    for (const reply of await rest) {
      t.equal(reply.worker, 0, 'answered by the same worker')
      t.not(reply.pid, pid, 'in another process')
    }
    t.equal((await balancer.status()).connections.pending, 0)
  })

  t.test('clients that reset before they are accepted do no harm', async (t) => {
    const balancer = await start(t, { options: { workers: 2 } })
    const workers = [await balancer.pid(0), await balancer.pid(1)]
    const accepting = steering === 'handoff' ? [balancer.child.pid!] : workers
    for (const pid of accepting) process.kill(pid, 'SIGSTOP')
    const sockets = await Promise.all(Array.from({ length: 100 }, (_, n) => dial(balancer.port, loopback(n))))
    await Promise.all(sockets.map(reset))
    for (const pid of accepting) process.kill(pid, 'SIGCONT')
    await until('all are accepted', async () => {
      const { accepted, pending } = (await balancer.status()).connections
      return pending === 0 && (steering === 'kernel' || accepted === 100)
    })
    if (steering === 'handoff') {
      const { handedOff, closed } = (await balancer.status()).connections
      t.ok(closed['no-address'] > 0, `${closed['no-address']} have no address and are counted`)
      t.equal(handedOff + closed['no-address'], 100)
    }
    for (let n = 0; n < 10; n++) await request({ port: balancer.port, from: loopback(n) })
    t.strictSame([await balancer.pid(0), await balancer.pid(1)], workers, 'no worker was replaced')
  })

  t.test('clients that reset while they wait for their worker do no harm', async (t) => {
    const balancer = await start(t, { options: { workers: 1 } })
    const pid = await balancer.pid(0)
    process.kill(pid, 'SIGSTOP')
    const sockets = await Promise.all(Array.from({ length: 50 }, (_, n) => dial(balancer.port, loopback(n))))
    await until('all wait', async () => (await balancer.status()).connections.pending === 50)
    await Promise.all(sockets.map(reset))
    process.kill(pid, 'SIGCONT')
    await until('none is pending', async () => (await balancer.status()).connections.pending === 0)
    t.match(await request({ port: balancer.port }), { worker: 0, pid })
  })

  t.test(
    'connections wait for a worker that is down until holdTimeout, and then go to another worker if there is one',
    async (t) => {
      // The only worker is not restarted in time: the connection is closed and counted.
      const single = await start(t, {
        options: { workers: 1, limits: { holdTimeout: 200 }, restart: { minDelay: 60_000, maxDelay: 60_000 } },
      })
      const exited = single.event('worker:exit')
      process.kill(await single.pid(0), 'SIGKILL')
      await exited
      await t.rejects(request({ port: single.port }), { code: 'ECONNRESET' })
      t.match((await single.status()).connections, { pending: 0, closed: { 'hold-timeout': 1 } })

      // There are two workers: the slots of the first fail over to the second until the first is back.
      const pair = await start(t, {
        options: { workers: 2, limits: { holdTimeout: 200 }, restart: { minDelay: 60_000, maxDelay: 60_000 } },
      })
      const { worker } = await pair.explain('127.0.0.1')
      // Workers start more slowly than holdTimeout, so slots may have failed over at the start.
      await until('the owner serves its client', async () => (await request({ port: pair.port })).worker === worker)
      const failedOver = pair.event<{ moved: number }>('slots:moved')
      process.kill(await pair.pid(worker), 'SIGKILL')
      const reply = await request({ port: pair.port })
      t.equal(reply.worker, 1 - worker, 'answered by the other worker')
      t.equal((await failedOver).moved, 128, 'only the slots of the dead worker moved')
      const { worker: explained, reason } = await pair.explain('127.0.0.1')
      t.equal(explained, 1 - worker)
      t.match(reason, /failed over/)
    },
  )

  if (steering === 'handoff')
    t.test('more connections than limits.maxPending are closed and counted', async (t) => {
      const balancer = await start(t, { options: { workers: 1, limits: { maxPending: 20, holdTimeout: 60_000 } } })
      const pid = await balancer.pid(0)
      process.kill(pid, 'SIGSTOP')
      const sockets: net.Socket[] = []
      t.teardown(() => sockets.forEach((socket) => socket.destroy()))
      for (let n = 0; n < 25; n++) sockets.push((await dial(balancer.port, loopback(n))).on('error', () => {}).resume())
      await until('five are refused', async () => (await balancer.status()).connections.closed['pending-full'] === 5)
      t.equal((await balancer.status()).connections.pending, 20)
      process.kill(pid, 'SIGCONT')
      await until('the others are served', async () => (await balancer.status()).connections.pending === 0)
    })

  t.test(
    'a worker without a sign of life for health.deadline is replaced, and the connections that waited are served',
    async (t) => {
      const options = { workers: 2, health: { ackTimeout: 50, deadline: 300 }, limits: { holdTimeout: 30_000 } }
      const balancer = await start(t, { options })
      const pid = await balancer.pid(0)
      process.kill(pid, 'SIGSTOP')
      const replies = await Promise.all(
        Array.from({ length: 60 }, (_, n) => request({ port: balancer.port, from: loopback(n) })),
      )
      t.equal(replies.length, 60)
      t.not(await balancer.pid(0), pid)
      t.match(balancer.output(), /worker\.stuck worker=0/)
    },
  )

  t.test(
    'a busy worker is not replaced before health.deadline, and clients of other workers do not notice',
    async (t) => {
      const options = { workers: 2, health: { ackTimeout: 50, deadline: 20_000 } }
      const balancer = await start(t, { options })
      const pids = [await balancer.pid(0), await balancer.pid(1)]
      const { worker } = await balancer.explain('127.0.0.1')
      const blocked = request({ port: balancer.port, path: '/block?ms=1000' })
      await until('the worker is busy', () => balancer.output().includes('busy'))
      const all = Promise.all(Array.from({ length: 60 }, (_, n) => request({ port: balancer.port, from: loopback(n) })))
      const first = await Promise.race([all, blocked])
      t.equal((first as { worker: number }).worker, worker, 'its own clients wait for it')
      t.equal((await all).length, 60)
      t.strictSame([await balancer.pid(0), await balancer.pid(1)], pids)
      t.equal((await balancer.status()).connections.redispatched, 0, 'no connection was sent to two workers')
    },
  )
}

async function reset(socket: net.Socket): Promise<void> {
  const closed = once(
    socket.on('error', () => {}),
    'close',
  )
  socket.resetAndDestroy()
  await closed
}
