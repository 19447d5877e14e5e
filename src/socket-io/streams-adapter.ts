// Socket.IO's adapter over a Redis stream, the only import of its package. It reads the stream in a loop of its own.
import type * as StreamsAdapter from '@socket.io/redis-streams-adapter'
import { setTimeout as delay } from 'node:timers/promises'
import type { AdapterFactory } from './adapter-message.ts'
import { keepSessions, type RecoveringAdapter } from './session-snapshots.ts'
import { requireOptional } from '../redis/optional.ts'
import { givePlain } from './plain.ts'
import { oneAfterTheOther, replace, type RedisPair } from '../redis/pair.ts'
import { countSafely } from './server-count.ts'

/** Milliseconds until a read that failed is tried again. */
const RETRY_DELAY = 1_000

/** Levels of data that its encoder takes before it throws, where nobody would catch it. */
const MAX_DEPTH = 98

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
    givePlain(adapter, 'doPublish', 0)
    givePlain(adapter, 'doPublishResponse', 1, MAX_DEPTH)
    givePlain(adapter, 'persistSession', 0, MAX_DEPTH)
    countSafely(adapter)
    keepSessions(adapter as unknown as RecoveringAdapter, pair, channelPrefix)
    return adapter
  }
}
