import t from 'tap'
import { statusText } from '../../src/command/status-text.ts'
import { startBalancer } from '../support/balancer.ts'
import { request, until } from '../support/clients.ts'

t.test('a status has two lines about the balancer and one line per worker', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2, standby: 1, health: { interval: 20 }, admin: 0 } })
  const { worker } = await request({ port: balancer.port })
  await until('the heartbeats have arrived', async () => {
    const status = await balancer.status()
    return status.standby === 1 && status.workers[worker]!.requests?.answered['2xx'] === 1
  })
  const [first, second, , head, ...rows] = statusText(await balancer.status())
    .trimEnd()
    .split('\n')
  t.match(
    first,
    new RegExp(`^\\[::\\]:${balancer.port}, pid ${balancer.child.pid}, up \\d s, handoff over .*, 1 standby$`),
  )
  t.equal(second, 'accepted 1, waiting 0, closed without a worker 0')
  t.match(head, /^worker +pid +state +slots +open +taken +answered +5xx +lag +memory +up +restarts$/)
  t.equal(rows.length, 2)
  t.match(rows[worker], /^ +\d +\d+ +ready +128 +\d +1 +1 +0 +\d+ ms +\d+ MB +\d s +0$/)
  t.equal(new Set([head, ...rows].map((line) => line!.length)).size, 1, 'in columns')
})

t.test('an unknown value is a dash', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1, health: { interval: 10_000 } } })
  t.match(statusText(await balancer.status()), /^ +0 +\d+ +ready +256 +- +- +- +- +- +- +\d s +0$/m)
})
