// The messages between primary and workers do not meet the application, and its own messages pass.
import t from 'tap'
import { startBalancer } from '../../support/balancer.ts'
import { startCluster } from '../../support/cluster.ts'
import { freePort, loopback, request, until } from '../../support/clients.ts'

for (const native of ['1', '0']) {
  t.test(`a program hears no message of Holdfast's, HOLDFAST_NATIVE=${native}`, async (t) => {
    const env = { HOLDFAST_NATIVE: native }
    const options = { workers: 2, standby: 1, admin: true, balance: 'round-robin' as const }
    const balancer = await startBalancer(t, { fixture: 'messages-app', options, env })
    const { port, output } = balancer
    for (let n = 0; n < 20; n++) await request({ port, from: loopback(n) })
    await until('the bus carries messages', () => output().includes('news'))
    await balancer.scale(3)
    await balancer.reload()
    for (let n = 0; n < 20; n++) await request({ port, from: loopback(n) })
    const gone = balancer.event('worker:exit')
    process.kill(await balancer.pid(0), 'SIGKILL')
    await gone
    await balancer.close()
    t.notMatch(output(), /heard/)
  })
}

t.test('the own messages of a program pass between its primary and its workers as they are', async (t) => {
  const env = { FIXTURE_CLUSTER: '1' }
  const port = await freePort()
  const { output } = await startCluster(t, { fixture: 'messages-app', options: { port } as object, env })
  const heard = () => output().match(/heard .*/g) ?? []
  await until('both workers have sent one and got one', () => heard().length >= 4)
  for (let n = 0; n < 20; n++) await request({ port, from: loopback(n) })
  t.strictSame(heard(), Array(4).fill('heard {"holdfast":{"type":"drain","mine":true}}'))
})
