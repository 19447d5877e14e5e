// The bus of one process. All local buses of a process share one hub: each gets the messages of the others.
import { processRuntime } from '../runtime.ts'
import type { Bus } from './bus.ts'
import { Hub, type Carrier, type CarrierEvents, type HubRuntime } from './hub.ts'
import { openBus } from './open-bus.ts'

let hub: Hub | undefined

/** A bus for this process alone, as with `workers: 0`, and for tests. */
export function localBus(): Bus {
  return openLocal('localBus() was asked for', processRuntime)
}

/** @param reason - why the bus is a local one */
export function openLocal(reason: string, runtime: HubRuntime): Bus {
  return openBus((hub ??= new Hub(runtime, noCarrier)), reason)
}

/** Only counters need a carrier here: there are no other processes. */
function noCarrier(events: CarrierEvents): Carrier {
  const { additions } = events
  const totals = new Map<string, number>()
  const takeAdditions = (): void => {
    for (const [counter, n] of additions) {
      const total = (totals.get(counter) ?? 0) + n
      totals.set(counter, total)
      events.value(counter, total)
    }
    additions.clear()
  }
  return {
    kind: 'local',
    connected: true,
    counts: { buffered: 0, bufferedBytes: 0, lost: 0, missed: 0 },
    send() {},
    flush: takeAdditions,
    subscribe() {},
    unsubscribe() {},
    ready: async () => {},
    async read(counter) {
      takeAdditions()
      return totals.get(counter) ?? 0
    },
    leave: async () => {},
  }
}
