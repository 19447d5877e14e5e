import { once } from 'node:events'
import type net from 'node:net'
import t from 'tap'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { dial, loopback, pool, request, until } from '../../support/clients.ts'

for (const native of ['1', '0']) {
  const env = { HOLDFAST_NATIVE: native }
  const over = native === '1' ? 'the best transport' : 'node-ipc'

  t.test(`round-robin gives each worker its turn, also with a single client, over ${over}`, async (t) => {
    const balancer = await startBalancer(t, { options: { workers: 3, balance: 'round-robin' }, env })
    const counts = [0, 0, 0]
    for (let n = 0; n < 30; n++) counts[(await request({ port: balancer.port, from: loopback(1) })).worker]!++
    t.strictSame(counts, [10, 10, 10])
    t.match(await balancer.explain(loopback(1)), { reason: /^connections go to any worker/ })
    t.match(balancer.output(), /balance\.without-address/)
  })

  t.test(
    `least-connections prefers the worker with the fewest, also after some have ended, over ${over}`,
    async (t) => {
      const balancer = await startBalancer(t, {
        kind: 'net',
        options: { workers: 3, balance: 'least-connections' },
        env,
      })
      const open: Open[] = []
      for (let n = 0; n < 12; n++) open.push(await greeted(balancer, loopback(1)))
      t.strictSame(counted(open), [4, 4, 4])
      const [closing, kept] = [open.filter(({ worker }) => worker === 1), open.filter(({ worker }) => worker !== 1)]
      for (const { socket } of closing) socket.destroy()
      // The worker reports the ends at the end of its turn.
      await until('worker 1 has as many connections as before', async () => {
        kept.push(await greeted(balancer, loopback(2)))
        return counted(kept)[1] === 4
      })
      const [a = 0, , c = 0] = counted(kept)
      t.ok(a <= 6 && c <= 6, counted(kept).join())
      for (const { socket } of kept) socket.destroy()
    },
  )

  for (const balance of ['round-robin', 'least-connections'] as const) {
    t.test(`with ${balance} no connection waits for a worker that is down, over ${over}`, async (t) => {
      const options = { workers: 2, balance, limits: { holdTimeout: 60_000 }, restart: { minDelay: 5_000 } }
      const balancer = await startBalancer(t, { options, env })
      const stopped = await balancer.pid(0)
      process.kill(stopped, 'SIGSTOP')
      const requests = Array.from({ length: 20 }, (_, n) => request({ port: balancer.port, from: loopback(n) }))
      await until('some connections wait for it', async () => (await balancer.status()).workers[0]!.pending > 0)
      process.kill(stopped, 'SIGKILL')
      for (const { worker } of await Promise.all(requests)) t.equal(worker, 1)
      const after = await pool(
        Array.from({ length: 10 }, (_, n) => () => request({ port: balancer.port, from: loopback(n) })),
        5,
      )
      for (const { worker } of after) t.equal(worker, 1)
    })

    t.test(`with ${balance} a reload and another number of workers lose no connection, over ${over}`, async (t) => {
      const balancer = await startBalancer(t, { options: { workers: 2, balance }, env })
      const end = new AbortController()
      const visits = [0, 1, 2, 3].map(async (client) => {
        let served = 0
        for (; !end.signal.aborted; served++) await request({ port: balancer.port, from: loopback(client) })
        return served
      })
      await balancer.reload()
      await balancer.scale(4)
      await balancer.scale(1)
      end.abort()
      for (const served of await Promise.all(visits)) t.ok(served > 0)
      const { accepted, handedOff, pending } = (await balancer.status()).connections
      t.equal(accepted, handedOff + pending)
    })
  }
}

t.test('limits.loadFactor sends new clients of a full worker to their next worker, where they stay', async (t) => {
  const limits = { loadFactor: true, stickTimeout: 60_000 }
  const balancer = await startBalancer(t, { kind: 'net', options: { workers: 2, limits } })
  const clients = await addresses(balancer, 0, 12)
  const open: Open[] = []
  for (const address of clients) open.push(await greeted(balancer, address))
  const [own = 0, others = 0] = counted(open)
  t.equal(own + others, 12)
  t.ok(others > 0 && own <= Math.ceil((1.25 * 12) / 2), `${own} on the owner, ${others} on the other worker`)
  t.equal((await balancer.status()).connections.spilled, others)
  const spilled = open.find(({ worker }) => worker === 1)!
  const second = await greeted(balancer, spilled.address)
  t.equal(second.worker, 1, 'a client on the other worker stays there')
  const unspilled = open.find(({ worker }) => worker === 0)!
  const third = await greeted(balancer, unspilled.address)
  t.equal(third.worker, 0, 'a client on the owner stays there')
  for (const { socket } of [...open, second, third]) socket.destroy()
})

t.test('a client that is too heavy for any worker stays on its worker, and is logged', async (t) => {
  const balancer = await startBalancer(t, { kind: 'net', options: { workers: 2, limits: { loadFactor: 1.25 } } })
  const [address] = await addresses(balancer, 0, 1)
  const open: Open[] = []
  for (let n = 0; n < 8; n++) open.push(await greeted(balancer, address!))
  t.strictSame(counted(open), [8])
  t.match(balancer.output(), new RegExp(`address\\.heavy.*${address}`))
  t.match(balancer.output(), /NAT or a proxy\?/)
  for (const { socket } of open) socket.destroy()
})

t.test("kernel steering cannot balance: 'auto' takes hand-off and says why, 'kernel' is refused", async (t) => {
  for (const [options, reason] of [
    [{ balance: 'round-robin' }, /balance: 'round-robin' needs the primary/],
    [{ balance: 'least-connections' }, /balance: 'least-connections' needs the primary/],
    [{ limits: { loadFactor: 2 } }, /limits\.loadFactor needs the primary/],
  ] as const) {
    const auto = await startBalancer(t, { options: { workers: 1, steering: 'auto', ...options } })
    t.match((await auto.status()).steering, { name: 'handoff', reason })
    const kernel = startBalancer(t, { options: { workers: 1, steering: 'kernel', ...options } })
    await t.rejects(kernel, { code: 'HOLDFAST_KERNEL_STEERING', message: reason })
  }
})

/** An open connection. */
interface Open {
  socket: net.Socket
  address: string
  worker: number
}

/** Connects, and resolves when the worker has greeted. */
async function greeted({ port }: Balancer, address: string): Promise<Open> {
  const socket = await dial(port, address)
  const [line] = (await once(socket, 'data')) as [Buffer]
  return { socket, address, worker: (JSON.parse(line.toString()) as { worker: number }).worker }
}

/** Number of connections by worker id. */
function counted(open: readonly Open[]): number[] {
  const highest = Math.max(...open.map(({ worker }) => worker))
  return Array.from({ length: highest + 1 }, (_, id) => open.filter(({ worker }) => worker === id).length)
}

/** `count` client addresses whose slots belong to the worker. */
async function addresses(balancer: Balancer, worker: number, count: number): Promise<string[]> {
  const found: string[] = []
  for (let n = 1; found.length < count; n++) {
    if ((await balancer.explain(loopback(n))).worker === worker) found.push(loopback(n))
  }
  return found
}
