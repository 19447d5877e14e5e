// The bus of one process. All such buses of a process are one: who publishes on one is heard on the others.
import { processRuntime } from '../runtime.ts'
import type { Bus } from './bus.ts'
import { Hub, type Carrier, type CarrierEvents, type HubRuntime } from './hub.ts'
import { openBus } from './open-bus.ts'

let hub: Hub | undefined

/** A bus for this process alone, as with `workers: 0`, and for tests. */
export function localBus(): Bus {
  return openLocal('localBus() was asked for', processRuntime)
}

/** @param reason - why no other */
export function openLocal(reason: string, runtime: HubRuntime): Bus {
  return openBus((hub ??= new Hub(runtime, toNobody)), reason)
}

function toNobody(events: CarrierEvents): Carrier {
  const { adds } = events
  const totals = new Map<string, number>()
  const take = (): void => {
    for (const [counter, n] of adds) {
      const total = (totals.get(counter) ?? 0) + n
      totals.set(counter, total)
      events.value(counter, total)
    }
    adds.clear()
  }
  return {
    kind: 'local',
    connected: true,
    waiting: { buffered: 0, bufferedBytes: 0, lost: 0, missed: 0 },
    send() {},
    flush: take,
    subscribe() {},
    unsubscribe() {},
    ready: async () => {},
    async read(counter) {
      take()
      return totals.get(counter) ?? 0
    },
    leave: async () => {},
  }
}
