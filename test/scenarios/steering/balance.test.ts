import { once } from 'node:events'
import type net from 'node:net'
import t from 'tap'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { dial, loopback, pool, request, until } from '../../support/clients.ts'

for (const native of ['1', '0']) {
  const env = { HOLDFAST_NATIVE: native }
  const over = native === '1' ? 'the best transport' : 'node-ipc'

  t.test(`round-robin gives each worker its turn, whoever comes, over ${over}`, async (t) => {
    const balancer = await startBalancer(t, { options: { workers: 3, balance: 'round-robin' }, env })
    const counts = [0, 0, 0]
    for (let n = 0; n < 30; n++) counts[(await request({ port: balancer.port, from: loopback(1) })).worker]!++
    t.strictSame(counts, [10, 10, 10])
    t.match(await balancer.explain(loopback(1)), { reason: /^connections go to any worker/ })
    t.match(balancer.output(), /balance\.without-address/)
  })

  t.test(`least-connections prefers who has the fewest, also after some have ended, over ${over}`, async (t) => {
    const balancer = await startBalancer(t, {
      kind: 'net',
      options: { workers: 3, balance: 'least-connections' },
      env,
    })
    const open: Open[] = []
    for (let n = 0; n < 12; n++) open.push(await greeted(balancer, loopback(1)))
    t.strictSame(counted(open), [4, 4, 4])
    const [leavers, left] = [open.filter(({ worker }) => worker === 1), open.filter(({ worker }) => worker !== 1)]
    for (const { socket } of leavers) socket.destroy()
    // The primary hears of it with the next turn of that worker.
    await until('the newcomers are as many as those who left', async () => {
      left.push(await greeted(balancer, loopback(2)))
      return counted(left)[1] === 4
    })
    const [a = 0, , c = 0] = counted(left)
    t.ok(a <= 6 && c <= 6, counted(left).join())
    for (const { socket } of left) socket.destroy()
  })

  for (const balance of ['round-robin', 'least-connections'] as const) {
    t.test(`with ${balance} nobody waits for a worker that is away, over ${over}`, async (t) => {
      const options = { workers: 2, balance, limits: { holdTimeout: 60_000 }, restart: { minDelay: 5_000 } }
      const balancer = await startBalancer(t, { options, env })
      const stopped = await balancer.pid(0)
      process.kill(stopped, 'SIGSTOP')
      const asked = Array.from({ length: 20 }, (_, n) => request({ port: balancer.port, from: loopback(n) }))
      await until('some wait for it', async () => (await balancer.status()).workers[0]!.pending > 0)
      process.kill(stopped, 'SIGKILL')
      for (const { worker } of await Promise.all(asked)) t.equal(worker, 1)
      const after = await pool(
        Array.from({ length: 10 }, (_, n) => () => request({ port: balancer.port, from: loopback(n) })),
        5,
      )
      for (const { worker } of after) t.equal(worker, 1)
    })

    t.test(`with ${balance} a reload and another number of workers lose nobody, over ${over}`, async (t) => {
      const balancer = await startBalancer(t, { options: { workers: 2, balance }, env })
      const end = new AbortController()
      const visits = [0, 1, 2, 3].map(async (lane) => {
        let served = 0
        for (; !end.signal.aborted; served++) await request({ port: balancer.port, from: loopback(lane) })
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

t.test('limits.loadFactor sends new clients of a full worker to their next one, where they stay', async (t) => {
  const limits = { loadFactor: true, stickTimeout: 60_000 }
  const balancer = await startBalancer(t, { kind: 'net', options: { workers: 2, limits } })
  const home = await addresses(balancer, 0, 12)
  const open: Open[] = []
  for (const address of home) open.push(await greeted(balancer, address))
  const [own = 0, others = 0] = counted(open)
  t.equal(own + others, 12)
  t.ok(others > 0 && own <= Math.ceil((1.25 * 12) / 2), `${own} at home, ${others} elsewhere`)
  t.equal((await balancer.status()).connections.spilled, others)
  const guest = open.find(({ worker }) => worker === 1)!
  const again = await greeted(balancer, guest.address)
  t.equal(again.worker, 1, 'while it has connections')
  const owner = open.find(({ worker }) => worker === 0)!
  const more = await greeted(balancer, owner.address)
  t.equal(more.worker, 0, 'and who is at home stays there')
  for (const { socket } of [...open, again, more]) socket.destroy()
})

t.test('one address that is too big for any worker stays where it is, and is told of', async (t) => {
  const balancer = await startBalancer(t, { kind: 'net', options: { workers: 2, limits: { loadFactor: 1.25 } } })
  const [address] = await addresses(balancer, 0, 1)
  const open: Open[] = []
  for (let n = 0; n < 8; n++) open.push(await greeted(balancer, address!))
  t.strictSame(counted(open), [8])
  t.match(balancer.output(), new RegExp(`address\\.heavy.*${address}`))
  t.match(balancer.output(), /NAT or a proxy\?/)
  for (const { socket } of open) socket.destroy()
})

t.test("kernel steering can not choose: 'auto' hands off and says why, 'kernel' is refused", async (t) => {
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

interface Open {
  socket: net.Socket
  address: string
  worker: number
}

async function greeted({ port }: Balancer, address: string): Promise<Open> {
  const socket = await dial(port, address)
  const [line] = (await once(socket, 'data')) as [Buffer]
  return { socket, address, worker: (JSON.parse(line.toString()) as { worker: number }).worker }
}

function counted(open: readonly Open[]): number[] {
  const most = Math.max(...open.map(({ worker }) => worker))
  return Array.from({ length: most + 1 }, (_, id) => open.filter(({ worker }) => worker === id).length)
}

/** So many whose slots are that worker's. */
async function addresses(balancer: Balancer, worker: number, count: number): Promise<string[]> {
  const found: string[] = []
  for (let n = 1; found.length < count; n++) {
    if ((await balancer.explain(loopback(n))).worker === worker) found.push(loopback(n))
  }
  return found
}
