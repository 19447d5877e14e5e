import t from 'tap'
import { redisBus } from '../../src/broadcast.ts'
import { BusProbe } from '../support/bus-probe.ts'
import { missing } from '../support/installed.ts'
import { startRedis } from '../support/redis.ts'
import { busContract } from './contract.ts'

const skip = missing('redis-server')
let families = 0

for (const sharded of [false, true]) {
  t.test(sharded ? 'sharded' : 'classic', { skip }, async (t) => {
    const { url } = await startRedis(t)
    busContract(t, async (t) => {
      const prefix = `family-${++families}`
      const open = () => {
        const bus = redisBus({ url, sharded, prefix })
        t.teardown(() => bus.close())
        return new BusProbe(() => bus)
      }
      return [open(), open(), open()]
    })
  })
}
