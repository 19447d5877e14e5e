// A Bus as an application uses it, over a hub of its process.
import { StickyError } from '../errors.ts'
import { misuse, show } from '../options/reader.ts'
import type { Bus, BusListener, BusMessage, BusStatus, Counter } from './bus.ts'
import type { Hub } from './hub.ts'
import { checkName, pack } from './messages.ts'

export function openBus(hub: Hub, reason: string): Bus {
  const { carrier } = hub
  const count = { delivered: 0 }
  const subscriptions = new Set<() => void>()
  let published = 0
  /** Messages that were published after the close. */
  let late = 0
  let closing: Promise<void> | undefined

  function publish(channel: string, message: BusMessage): void {
    checkName('channel', channel)
    const packed = pack(message)
    published++
    // This is no error: while a process ends, its last messages often come after the close.
    if (closing === undefined) hub.publish(channel, packed)
    else late++
  }

  function subscribe(channel: string, listener: BusListener): () => void {
    checkName('channel', channel)
    if (typeof listener !== 'function') {
      const write = '(message) => …'
      throw misuse(TypeError, `subscribe: expected a function as listener, got ${show(listener)}; write ${write}`)
    }
    if (closing !== undefined) return () => {}
    const end = hub.subscribe(count, channel, listener)
    const unsubscribe = (): void => {
      if (subscriptions.delete(unsubscribe)) end()
    }
    subscriptions.add(unsubscribe)
    return unsubscribe
  }

  function counter(name: string): Counter {
    checkName('counter', name)
    return {
      add(n = 1) {
        if (!Number.isSafeInteger(n))
          throw misuse(TypeError, `add: expected an integer of at most 2 ** 53 - 1, got ${show(n)}; write add(1)`)
        if (closing === undefined) hub.add(name, n)
      },
      async read() {
        if (closing !== undefined) throw new StickyError('HOLDFAST_BUS_AWAY', 'this bus is closed')
        return hub.read(name)
      },
      get value() {
        return hub.totals.get(name) ?? 0
      },
    }
  }

  function status(): BusStatus {
    const { kind, connected, counts } = carrier
    const { delivered } = count
    const lost = counts.lost + late
    return {
      kind,
      connected: connected && closing === undefined,
      published,
      delivered,
      ...counts,
      lost,
      channels: hub.channels,
    }
  }

  function close(): Promise<void> {
    for (const unsubscribe of subscriptions) unsubscribe()
    return (closing ??= hub.leave())
  }

  return {
    kind: carrier.kind,
    reason,
    publish,
    subscribe,
    ready: () => hub.ready(),
    counter,
    status,
    close,
    [Symbol.asyncDispose]: close,
  }
}
