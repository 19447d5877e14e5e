// What every way to steer promises, over every transport: real processes, real clients. Each combination runs this suite.
import { once } from 'node:events'
import net from 'node:net'
import type { Test } from 'tap'
import { startBalancer, type Balancer, type BalancerOptions } from '../support/balancer.ts'
import { dial, loopback, pool, request, until } from '../support/clients.ts'

export interface Combination {
  steering: 'handoff' | 'kernel'
  /** What HOLDFAST_NATIVE says to the balancer. */
  native: '0' | '1'
}

/** 250 addresses of IPv4, each four times (as the kernel maps them), and IPv6. */
const sources = [
  ...Array.from({ length: 1000 }, (_, i) => loopback(i % 250)),
  ...Array.from({ length: 20 }, () => '::1'),
]

async function whereEverybodyLands(balancer: Balancer): Promise<Map<string, number>> {
  const replies = await pool(
    sources.map((from) => () => request({ port: balancer.port, from })),
    64,
  )
  const landed = new Map<string, number>()
  for (const [i, { worker }] of replies.entries()) {
    const from = sources[i]!
    if (landed.has(from) && landed.get(from) !== worker) throw new Error(`${from} reached two workers`)
    landed.set(from, worker)
  }
  return landed
}

async function whatIsExplained(balancer: Balancer): Promise<Map<string, number>> {
  const explained = new Map<string, number>()
  for (const from of new Set(sources)) explained.set(from, (await balancer.explain(from)).worker)
  return explained
}

export function steeringContract(t: Test, { steering, native }: Combination): void {
  const start = (t: Test, { options, ...more }: BalancerOptions) =>
    startBalancer(t, { ...more, options: { ...options, steering }, env: { HOLDFAST_NATIVE: native } })

  t.test(
    'every client lands on the worker that explain() names, also after each worker was killed and a restart',
    async (t) => {
      const options = { workers: 3, limits: { holdTimeout: 30_000 } }
      const first = await start(t, { options })
      const explained = await whatIsExplained(first)
      t.equal(new Set(explained.values()).size, 3, 'all workers are used')
      t.strictSame(await whereEverybodyLands(first), explained)

      for (const worker of [0, 1, 2]) {
        const pid = await first.pid(worker)
        const back = first.event<{ id: number }>('worker:ready', ({ id }) => id === worker)
        process.kill(pid, 'SIGKILL')
        await back
        t.not(await first.pid(worker), pid, `worker ${worker} is another process`)
        t.strictSame(await whereEverybodyLands(first), explained)
      }
      const { connections } = await first.status()
      t.equal(connections.handedOff, connections.accepted, 'every connection was handed over')
      t.equal(connections.pending, 0)
      await first.close()

      const second = await start(t, { options })
      t.strictSame(await whereEverybodyLands(second), explained, 'the same after a restart of everything')
    },
  )

  t.test('a worker is stopped and killed under load from 300 clients: all are answered, none hangs', async (t) => {
    const balancer = await start(t, { options: { workers: 3, limits: { holdTimeout: 30_000 } } })
    const { port } = balancer
    const stopped = await balancer.pid(1)
    process.kill(stopped, 'SIGSTOP')
    let answered = 0
    const client = async (n: number) => {
      const reply = await request({ port, from: loopback(n) })
      answered++
      return reply
    }
    const answers = Promise.all(Array.from({ length: 300 }, (_, n) => client(n)))
    await until('the others are answered', async () => {
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
      t.equal(worker, (await balancer.explain(loopback(n))).worker, `client ${n} has its worker`)
    }
    const { connections } = await balancer.status()
    t.equal(connections.pending, 0)
    if (steering === 'handoff') t.ok(connections.redispatched > 0, `${connections.redispatched} were sent again`)
  })

  t.test('a worker exits while connections are queued to it: all are dispatched again', async (t) => {
    const balancer = await start(t, { options: { workers: 2, limits: { holdTimeout: 30_000 } } })
    const { port } = balancer
    const mine: string[] = []
    for (let n = 0; mine.length < 40; n++) {
      if ((await balancer.explain(loopback(n))).worker === 0) mine.push(loopback(n))
    }
    // The first one keeps the worker busy, so that the others queue up on their way to it, and then ends it.
    const doomed = t.rejects(request({ port, from: mine[0]!, path: '/exit?ms=400' }), { code: 'ECONNRESET' })
    const pid = await balancer.pid(0)
    await until('the worker is busy', () => balancer.output().includes(`busy ${pid}`))
    const rest = Promise.all(mine.slice(1).map((from) => request({ port, from })))
    await until('they are on their way', async () => (await balancer.status()).workers[0]!.pending === 39)
    await doomed
    for (const reply of await rest) {
      t.equal(reply.worker, 0, 'answered by the same worker')
      t.not(reply.pid, pid, 'in another process')
    }
    t.equal((await balancer.status()).connections.pending, 0)
  })

  t.test('clients that reset before they are accepted break nothing', async (t) => {
    const balancer = await start(t, { options: { workers: 2 } })
    const workers = [await balancer.pid(0), await balancer.pid(1)]
    const accepting = steering === 'handoff' ? [balancer.child.pid!] : workers
    for (const pid of accepting) process.kill(pid, 'SIGSTOP')
    const sockets = await Promise.all(Array.from({ length: 100 }, (_, n) => dial(balancer.port, loopback(n))))
    await Promise.all(sockets.map(reset))
    for (const pid of accepting) process.kill(pid, 'SIGCONT')
    await until('all are dealt with', async () => {
      const { accepted, pending } = (await balancer.status()).connections
      return pending === 0 && (steering === 'kernel' || accepted === 100)
    })
    if (steering === 'handoff') {
      const { handedOff, closed } = (await balancer.status()).connections
      t.ok(closed['no-address'] > 0, `${closed['no-address']} came without an address and are counted`)
      t.equal(handedOff + closed['no-address'], 100)
    }
    for (let n = 0; n < 10; n++) await request({ port: balancer.port, from: loopback(n) })
    t.strictSame([await balancer.pid(0), await balancer.pid(1)], workers, 'and everything goes on')
  })

  t.test('clients that reset while they wait for their worker break nothing', async (t) => {
    const balancer = await start(t, { options: { workers: 1 } })
    const pid = await balancer.pid(0)
    process.kill(pid, 'SIGSTOP')
    const sockets = await Promise.all(Array.from({ length: 50 }, (_, n) => dial(balancer.port, loopback(n))))
    await until('all wait', async () => (await balancer.status()).connections.pending === 50)
    await Promise.all(sockets.map(reset))
    process.kill(pid, 'SIGCONT')
    await until('all are taken', async () => (await balancer.status()).connections.pending === 0)
    t.match(await request({ port: balancer.port }), { worker: 0, pid })
  })

  t.test(
    'connections wait for a worker that is down, and for longer than holdTimeout only where nobody else serves',
    async (t) => {
      // One worker that is not restarted in time: the connection is closed and counted.
      const alone = await start(t, {
        options: { workers: 1, limits: { holdTimeout: 200 }, restart: { minDelay: 60_000, maxDelay: 60_000 } },
      })
      const gone = alone.event('worker:exit')
      process.kill(await alone.pid(0), 'SIGKILL')
      await gone
      await t.rejects(request({ port: alone.port }), { code: 'ECONNRESET' })
      t.match((await alone.status()).connections, { pending: 0, closed: { 'hold-timeout': 1 } })

      // Two workers: the other one takes the slots over until the first is back.
      const pair = await start(t, {
        options: { workers: 2, limits: { holdTimeout: 200 }, restart: { minDelay: 60_000, maxDelay: 60_000 } },
      })
      const { worker } = await pair.explain('127.0.0.1')
      // Starting takes longer than holdTimeout here, so slots may have been lent and be on their way back.
      await until('it serves its own', async () => (await request({ port: pair.port })).worker === worker)
      const failedOver = pair.event<{ moved: number }>('slots:moved')
      process.kill(await pair.pid(worker), 'SIGKILL')
      const reply = await request({ port: pair.port })
      t.equal(reply.worker, 1 - worker, 'answered by the other worker')
      t.equal((await failedOver).moved, 128, 'only the slots of the dead one moved')
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
    'a worker without a sign of life for health.deadline is replaced, and nobody who waited is lost',
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

  t.test('a busy worker is not replaced before health.deadline, and the others do not notice', async (t) => {
    const options = { workers: 2, health: { ackTimeout: 50, deadline: 20_000 } }
    const balancer = await start(t, { options })
    const pids = [await balancer.pid(0), await balancer.pid(1)]
    const { worker } = await balancer.explain('127.0.0.1')
    const blocked = request({ port: balancer.port, path: '/block?ms=1000' })
    await until('it blocks', () => balancer.output().includes('busy'))
    const everybody = Promise.all(
      Array.from({ length: 60 }, (_, n) => request({ port: balancer.port, from: loopback(n) })),
    )
    const others = await Promise.race([everybody, blocked])
    t.equal((others as { worker: number }).worker, worker, 'its own clients wait for it')
    t.equal((await everybody).length, 60)
    t.strictSame([await balancer.pid(0), await balancer.pid(1)], pids)
    t.equal((await balancer.status()).connections.redispatched, 0, 'nobody was given to two workers')
  })
}

async function reset(socket: net.Socket): Promise<void> {
  const closed = once(
    socket.on('error', () => {}),
    'close',
  )
  socket.resetAndDestroy()
  await closed
}
