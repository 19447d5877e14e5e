import t from 'tap'
import { startBalancer } from '../../support/balancer.ts'
import { request, until } from '../../support/clients.ts'

for (const steering of ['handoff', 'kernel'] as const) {
  t.test(
    `a worker that is blocked for long fails over its slots, and gets them back when it is healthy, with ${steering}`,
    async (t) => {
      const health = { interval: 50, unhealthyAfter: 4, ackTimeout: 100, deadline: 60_000 }
      const options = { workers: 2, steering, health }
      const balancer = await startBalancer(t, { options })
      const { worker } = await balancer.explain('127.0.0.1')
      const pid = await balancer.pid(worker)
      const states: string[] = []
      void balancer.event<{ id: number; state: string }>('worker:state', ({ id, state }) => {
        if (id === worker) states.push(state)
        return false
      })
      process.kill(pid, 'SIGSTOP')
      await until('it is unhealthy', async () => !(await balancer.status()).workers[worker]!.healthy)
      t.match((await balancer.status()).workers[worker], { state: 'draining', enabled: true, slots: 0 })
      t.match(await request({ port: balancer.port }), { worker: 1 - worker }, 'new clients go to the other one')
      process.kill(pid, 'SIGCONT')
      await until('it is healthy', async () => (await balancer.status()).workers[worker]!.healthy)
      t.match(await request({ port: balancer.port }), { worker, pid }, 'and come back')
      t.strictSame(states, ['draining', 'ready'])
      t.match(balancer.output(), /worker\.slow .*\n(.*\n)*.*worker\.unhealthy .*\n(.*\n)*.*worker\.healthy /)
    },
  )
}

t.test('a process that gets stuck while it drains is killed too, long before its deadline', async (t) => {
  const health = { interval: 50, ackTimeout: 50, deadline: 500 }
  const balancer = await startBalancer(t, { options: { workers: 1, health, reload: { deadline: 60_000 } } })
  const served = request({ port: balancer.port, path: '/wait' })
  await until('it is in service', async () => (await balancer.status()).connections.handedOff === 1)
  const pid = await balancer.pid(0)
  const finishing = balancer.event<{ pid: number; state: string }>('worker:state', (now) => {
    return now.pid === pid && now.state === 'draining'
  })
  const gone = balancer.event<{ pid: number }>('worker:exit', (exit) => exit.pid === pid)
  const reloaded = balancer.reload()
  await finishing
  process.kill(pid, 'SIGSTOP')
  await t.rejects(served, { code: 'ECONNRESET' })
  t.match(await gone, { signal: 'SIGKILL' })
  await reloaded
  t.match(balancer.output(), /worker\.stuck/)
})

t.test('a primary that was blocked itself ejects no worker', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2, health: { interval: 50, deadline: 300 } } })
  const pids = [await balancer.pid(0), await balancer.pid(1)]
  const started = Date.now()
  balancer.child.kill('SIGSTOP')
  await until('longer than the deadline', () => Date.now() - started > 1_000)
  balancer.child.kill('SIGCONT')
  const beats = async () => (await balancer.status()).workers.map(({ beat }) => beat?.served)
  await request({ port: balancer.port })
  await until('it looks again', async () => (await beats()).includes(1))
  t.strictSame([await balancer.pid(0), await balancer.pid(1)], pids)
  t.notMatch(balancer.output(), /worker\.(stuck|unhealthy)/)
})

t.test("a worker's report is in the status", async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1, health: { interval: 50 } } })
  for (let n = 0; n < 3; n++) await request({ port: balancer.port })
  const beat = async () => (await balancer.status()).workers[0]!.beat
  await until('three are counted', async () => (await beat())?.served === 3)
  const { rss, heapUsed, lag } = (await beat())!
  t.ok(rss > heapUsed && heapUsed > 1e6, `${rss} bytes, ${heapUsed} of them heap`)
  t.type(lag, 'number')
})

t.test('a worker that uses too much memory is replaced before it fails, and no client notices', async (t) => {
  const options = { workers: 1, health: { interval: 50, maxRss: 250 * 1024 * 1024 } }
  const balancer = await startBalancer(t, { options })
  const pid = await balancer.pid(0)
  const back = balancer.event<{ pid: number }>('worker:ready', (ready) => ready.pid !== pid)
  await request({ port: balancer.port, path: '/leak?mb=300' })
  await until('it is renewed', async () => {
    await request({ port: balancer.port })
    return (await balancer.pid(0)) !== pid
  })
  await back
  t.match(balancer.output(), /worker\.replace worker=0 pid=\d+ reason="rss is \d+ MB, the limit 250 MB"/)
  await until('the old one has left', () => balancer.output().includes(`worker.exit worker=0 pid=${pid} code=0`))
})
