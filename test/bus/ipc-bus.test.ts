import t from 'tap'
import { busFamily } from '../support/bus-family.ts'
import { until } from '../support/clients.ts'
import { busContract } from './contract.ts'

for (const [transport, env] of [
  ['descriptor-channel', {}],
  ['node-ipc', { HOLDFAST_NATIVE: '0' }],
] as const) {
  t.test(`over ${transport}`, async (t) => {
    const { balancer, members } = await busFamily(t, { env })
    t.match(await balancer.status(), { steering: { transport } })
    t.match(await members[0].status(), { kind: 'ipc', reason: 'REDIS_URL is not set' })
    busContract(t, async (t) => {
      t.teardown(() => Promise.all(members.map((one) => one.renew())))
      return members
    })
  })
}

t.test('one log line names the kind of bus', async (t) => {
  const { balancer, members } = await busFamily(t, {})
  for (const one of members) await one.listen('news')
  await until('the line is written', () => balancer.output().includes('bus.chosen'))
  const lines = balancer.output().match(/bus[.]chosen.*/g)
  t.strictSame(lines, ['bus.chosen kind=ipc reason="REDIS_URL is not set"'])
})
