import t from 'tap'
import { startBalancer } from '../support/balancer.ts'
import { request } from '../support/clients.ts'

t.test('a worker without free descriptors sends heartbeats, and serves again when it has some', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1, health: { interval: 20 } }, descriptors: 200 })
  const { port } = balancer
  // Linux reports the memory in use in a file, which cannot be opened now.
  const { pid } = await request({ port, path: '/descriptors?ms=400' })
  t.match(await request({ port }), { pid })
  t.notMatch(balancer.output(), /worker\.exit/)
})
