import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBalancer } from '../../support/balancer.ts'
import { request, until } from '../../support/clients.ts'

for (const steering of ['handoff', 'kernel'] as const) {
  t.test(`a standby process takes a dead worker's place at once, with ${steering}`, async (t) => {
    // The delay keeps workers from restarting during this test; only standbys start.
    const options = { workers: 2, standby: 1, steering, restart: { minDelay: 60_000, maxDelay: 60_000 } }
    const balancer = await startBalancer(t, { options })
    const { worker } = await balancer.explain('127.0.0.1')
    for (let round = 0; round < 2; round++) {
      await until('there is a standby', async () => (await balancer.status()).standby === 1)
      const pid = await balancer.pid(worker)
      const back = balancer.event<{ id: number; pid: number }>('worker:ready', ({ id }) => id === worker)
      process.kill(pid, 'SIGKILL')
      const standby = await back
      t.not(standby.pid, pid)
      t.match(await request({ port: balancer.port }), { worker, pid: standby.pid }, 'it knows which worker it is')
      t.match((await balancer.status()).workers[worker], { pid: standby.pid, state: 'ready', slots: 128 })
    }
    t.match(balancer.output(), new RegExp(`worker\\.standby worker=${worker}`))
    t.notMatch(balancer.output(), /slots\.moved/, 'and no slot was lent meanwhile')
    t.match((await balancer.status()).entered, { gone: 2 })
  })
}

t.test('a standby replaces a stuck worker before the stuck process has ended', async (t) => {
  const options = { workers: 2, standby: 1, health: { deadline: 600 }, limits: { holdTimeout: 30_000 } }
  const balancer = await startBalancer(t, { options })
  await until('there is a standby', async () => (await balancer.status()).standby === 1)
  const { worker } = await balancer.explain('127.0.0.1')
  const stuck = await balancer.pid(worker)
  const gone = balancer.event<{ pid: number }>('worker:exit', ({ pid }) => pid === stuck)
  const back = balancer.event<{ id: number }>('worker:ready', ({ id }) => id === worker)
  process.kill(stuck, 'SIGSTOP')
  const first = await Promise.race([back.then(() => 'replaced'), gone.then(() => 'gone')])
  t.equal(first, 'replaced')
  t.match(await gone, { signal: 'SIGKILL' })
  t.match(await request({ port: balancer.port }), { worker })
})

t.test('a reload replaces the standbys too', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1, standby: 1 } })
  await until('there is a standby', async () => (await balancer.status()).standby === 1)
  await balancer.reload()
  await until('there is one again', async () => (await balancer.status()).standby === 1)
  t.notMatch(balancer.output(), /Error/, 'and the old one had nothing to say')
  const reloaded = await balancer.pid(0)
  const back = balancer.event<{ id: number; pid: number }>('worker:ready', ({ pid }) => pid !== reloaded)
  process.kill(reloaded, 'SIGKILL')
  await back
  t.match((await balancer.status()).workers[0], { state: 'ready', generation: 1 })
})

t.test('a standby that takes over during a reload does not keep the old program', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2, standby: 1 } })
  await until('there is a standby', async () => (await balancer.status()).standby === 1)
  const reloaded = balancer.reload()
  await until('one worker is reloaded', () => /reload\.worker worker=0/.test(balancer.output()))
  process.kill(await balancer.pid(0), 'SIGKILL')
  await reloaded
  t.match((await balancer.status()).workers, [{ generation: 1 }, { generation: 1 }])
})

t.test('failed starts are forgotten when a standby becomes ready', async (t) => {
  const broken = join(t.testdir(), 'broken')
  const restart = { minDelay: 1, maxStartCrashes: 2, retryDelay: 200 }
  const balancer = await startBalancer(t, {
    options: { workers: 1, standby: 1, restart },
    env: { FIXTURE_BROKEN: broken },
  })
  const ready = () => until('there is a standby', async () => (await balancer.status()).standby === 1)
  const stops = () => balancer.output().match(/restart\.stopped worker=-1/g)?.length ?? 0
  await ready()
  writeFileSync(broken, '')
  process.kill(await balancer.pid(0), 'SIGKILL')
  await until('the next standby cannot start', () => stops() > 0)
  rmSync(broken)
  await ready()
  const before = stops()
  process.kill(await balancer.pid(0), 'SIGKILL')
  await until('it stands in', () => balancer.output().match(/worker\.standby/g)?.length === 2)
  await ready()
  t.equal(stops(), before)
})
