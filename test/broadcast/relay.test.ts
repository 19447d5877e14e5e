import t from 'tap'
import { startBalancer } from '../support/balancer.ts'
import { request, until } from '../support/clients.ts'

t.test('nobody waits for the answers of a worker that has crashed', async (t) => {
  const options = { workers: 3, restart: { minDelay: 60_000, maxDelay: 60_000 } }
  const balancer = await startBalancer(t, { fixture: 'socket-io-app', options })
  const { port } = balancer
  const here = (await balancer.explain('127.0.0.1')).worker
  await until('all three nodes know each other', async () => (await request({ port }))['nodes'] === 3)

  const gone = balancer.event('worker:exit')
  process.kill(await balancer.pid((here + 1) % 3), 'SIGKILL')
  await gone
  // Left to itself, the adapter takes 10 s to notice and rejects fetchSockets() meanwhile.
  await until('the others were told', async () => (await request({ port }))['nodes'] === 2, 3_000)
  t.match(await request({ port }), { sockets: 0 })
})
