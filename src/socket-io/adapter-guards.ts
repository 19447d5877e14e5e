// What every adapter of Socket.IO needs around its methods: nothing that an adapter does may end the worker, and
// nothing of an adapter may stay behind when its namespace ends.
import { isOfCall } from './adapter-message.ts'
import { plain, strictlyPlain } from './plain.ts'

/**
 * Acts when the adapter is closed. With Socket.IO's cleanupEmptyChildNamespaces, a namespace that a client has made
 * ends with its last client; without this its timers and listeners would add up.
 */
export function beforeClose(adapter: { close(): unknown }, act: () => void): void {
  const close = adapter.close.bind(adapter)
  adapter.close = () => {
    act()
    return close()
  }
}

/**
 * Makes one argument of a method plain. Some adapters write JSON or MessagePack of data of the application, and an
 * error of the encoder would be caught nowhere. In a message of a call of the application, data that cannot be sent
 * throws.
 *
 * @param index - of the argument
 * @param maxDepth - levels of nested data that the encoder takes; deeper ones are left out
 */
export function makePlain(adapter: object, method: string, index: number, maxDepth?: number): void {
  const own = (Reflect.get(adapter, method) as (...args: unknown[]) => unknown).bind(adapter)
  const options = { asBuffers: true, ...(maxDepth === undefined ? {} : { maxDepth }) }
  Object.assign(adapter, {
    [method]: (...args: unknown[]) => {
      const toPlain = isOfCall(args[index]) ? strictlyPlain : plain
      return own(...args.with(index, toPlain(args[index], options)))
    },
  })
}

/**
 * Passes errors of serverSideEmit() to the callback of the application. Some adapters first ask Redis for the number of
 * servers, and Socket.IO ignores the promise: while Redis is away, an unhandled rejection would end the worker.
 */
export function passErrorsToCallback(adapter: { serverSideEmit: (packet: unknown[]) => unknown }): void {
  const serverSideEmit = adapter.serverSideEmit.bind(adapter)
  adapter.serverSideEmit = (packet) => {
    const answer = packet.at(-1)
    Promise.resolve(serverSideEmit(packet)).catch((error: unknown) => {
      if (typeof answer === 'function') answer(error)
    })
  }
}

interface CountingAdapter {
  broadcastWithAck(...args: unknown[]): unknown
  serverCount(): Promise<number>
}

/**
 * Keeps the server count of a broadcast with acknowledgements from failing. Socket.IO asks for the count after such a
 * broadcast and ignores an error, such as that Redis is away; the unhandled rejection would end the worker. Without a
 * count the broadcast ends with its timeout, and the answers so far come with the error.
 */
export function countSafely(adapter: unknown): void {
  const counting = adapter as CountingAdapter
  const broadcastWithAck = counting.broadcastWithAck.bind(counting)
  const serverCount = counting.serverCount.bind(counting)
  // An adapter also asks for the count itself, and handles errors then.
  let isAfterBroadcast = false
  counting.broadcastWithAck = (...args) => {
    isAfterBroadcast = true
    // Socket.IO asks in the same turn.
    queueMicrotask(() => (isAfterBroadcast = false))
    return broadcastWithAck(...args)
  }
  counting.serverCount = () => {
    const count = serverCount()
    const isForBroadcast = isAfterBroadcast
    isAfterBroadcast = false
    return isForBroadcast ? count.catch(() => new Promise<never>(() => {})) : count
  }
}
