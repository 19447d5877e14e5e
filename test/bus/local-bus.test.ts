import t from 'tap'
import { localBus } from '../../src/broadcast.ts'
import { BusProbe } from '../support/bus-probe.ts'
import { busContract } from './contract.ts'

busContract(t, async (t) => {
  const open = () => {
    const bus = localBus()
    t.teardown(() => bus.close())
    return new BusProbe(() => bus)
  }
  return [open(), open(), open()]
})
