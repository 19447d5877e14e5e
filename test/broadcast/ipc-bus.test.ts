import t from 'tap'
import { busFamily } from '../support/bus-family.ts'
import { busContract } from './bus-contract.ts'

for (const [transport, env] of [
  ['descriptor-channel', {}],
  ['node-ipc', { HOLDFAST_NATIVE: '0' }],
] as const) {
  t.test(`over ${transport}`, async (t) => {
    busContract(t, async (t) => {
      const { balancer, members } = await busFamily(t, { env })
      t.match(await balancer.status(), { steering: { transport } })
      t.match(await members[0].status(), { kind: 'ipc', reason: 'REDIS_URL is not set' })
      return members
    })
  })
}
