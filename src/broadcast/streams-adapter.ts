// Socket.IO's adapter over a Redis stream, the only import of its package. It reads the stream in a loop of its own.
import type * as StreamsAdapter from '@socket.io/redis-streams-adapter'
import { setTimeout as delay } from 'node:timers/promises'
import type { AdapterFactory } from './adapter-message.ts'
import { keepSessions, type RecoveringAdapter } from './kept-sessions.ts'
import { requireOptional } from './optional.ts'
import { oneAfterTheOther, replace, type RedisPair } from './redis-client.ts'

/** Milliseconds until a read that failed is tried again. */
const RETRY_DELAY = 1_000

/**
 * @param history - broadcasts that the stream keeps
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function streamsAdapter(pair: RedisPair, channelPrefix: string, history: number): AdapterFactory {
  const name = '@socket.io/redis-streams-adapter'
  const { createAdapter } = requireOptional(name, 'Socket.IO over Redis streams') as typeof StreamsAdapter
  const { publisher } = pair
  // It duplicates the client that it is given: once to read, once to subscribe. Those must wait for Redis, or each read
  // would fail at once and be tried again in the same turn, and nothing else would run in this process any more.
  const duplicates = [pair.another(), pair.subscriber]
  for (const client of duplicates) {
    replace(client, ['xread'], (send) =>
      send().catch(async (error: unknown) => {
        await delay(RETRY_DELAY, undefined, { ref: false })
        throw error
      }),
    )
  }
  Object.assign(publisher, { duplicate: () => duplicates.shift() ?? pair.another() })
  const inOrder = oneAfterTheOther()
  replace(publisher, ['xadd'], (send) =>
    inOrder(send()).catch((error: unknown) => {
      pair.lose()
      throw error
    }),
  )
  // A session that Redis did not get can not be recovered; the adapter does not look whether it did.
  replace(publisher, ['set'], (send) => send().catch(() => null))
  const create = createAdapter(publisher, {
    streamName: channelPrefix,
    channelPrefix,
    sessionKeyPrefix: `${channelPrefix}:session:`,
    maxLen: history,
  })
  // Socket.IO calls it with `new`, so it can not be an arrow function.
  return function createSafely(namespace: unknown) {
    const adapter = create(namespace)
    withoutFunctions(adapter, 'doPublishResponse', 1)
    withoutFunctions(adapter, 'persistSession', 0)
    keepSessions(adapter as unknown as RecoveringAdapter, pair, channelPrefix)
    return adapter
  }
}

/**
 * What is in `socket.data` may not be able to travel, such as a timer. The adapter throws then where nobody catches it, and
 * the worker would end: so it is left out, as JSON leaves it out.
 */
function withoutFunctions(adapter: object, method: string, argument: number): void {
  const own = (Reflect.get(adapter, method) as (...args: unknown[]) => unknown).bind(adapter)
  Object.assign(adapter, {
    [method](...args: unknown[]) {
      try {
        return own(...args)
      } catch {
        return own(...args.with(argument, JSON.parse(JSON.stringify(args[argument]))))
      }
    },
  })
}
