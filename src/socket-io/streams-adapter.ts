// Socket.IO's adapter over a Redis stream, the only import of its package. It reads the stream in a loop of its own.
import type * as StreamsAdapter from '@socket.io/redis-streams-adapter'
import { setTimeout as delay } from 'node:timers/promises'
import { oneAfterTheOther, wrapped, type AdapterClients } from './adapter-clients.ts'
import type { AdapterFactory } from './adapter-message.ts'
import { takeCensus, type OnServerGone } from './cluster-census.ts'
import { keepSnapshots, type RecoveringAdapter } from './session-snapshots.ts'
import { requireOptional } from '../redis/optional.ts'
import { countSafely, makePlain } from './adapter-guards.ts'
import { sendAtTheCall } from './at-the-call.ts'

/** Milliseconds until a read that failed is repeated. */
const RETRY_DELAY = 1_000

/** Levels of nested data that the adapter's encoder takes; beyond them it throws where nothing catches the error. */
const MAX_DEPTH = 98

/**
 * @param history - the number of broadcasts that the stream keeps
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function streamsAdapter(
  clients: AdapterClients,
  channelPrefix: string,
  history: number,
  onServerGone: OnServerGone,
): AdapterFactory {
  const name = '@socket.io/redis-streams-adapter'
  const { createAdapter } = requireOptional(name, 'Socket.IO over Redis streams') as typeof StreamsAdapter
  const { publisher } = clients
  // The adapter duplicates its client: once to read, once to subscribe. The copies must wait for Redis: otherwise each
  // read would fail at once and be repeated in the same turn, and nothing else would run in this process any more.
  const duplicates = [clients.openSubscriber(), clients.subscriber]
  for (const client of duplicates) {
    wrapped(client, ['xread'], (sent) =>
      sent.catch(async (error: unknown) => {
        await delay(RETRY_DELAY, undefined, { ref: false })
        throw error
      }),
    )
  }
  Object.assign(publisher, { duplicate: () => duplicates.shift() ?? clients.openSubscriber() })
  const inOrder = oneAfterTheOther()
  wrapped(publisher, ['xadd'], (sent) =>
    inOrder(sent).catch((error: unknown) => {
      clients.countLoss()
      throw error
    }),
  )
  // A session that Redis did not get cannot be recovered; the adapter ignores the answer.
  wrapped(publisher, ['set'], (sent) => sent.catch(() => null))
  const create = createAdapter(publisher, {
    streamName: channelPrefix,
    channelPrefix,
    sessionKeyPrefix: `${channelPrefix}:session:`,
    maxLen: history,
  })
  // Socket.IO calls this with `new`, so it cannot be an arrow function.
  return function createSafely(namespace: unknown) {
    const adapter = create(namespace)
    makePlain(adapter, 'doPublish', 0)
    makePlain(adapter, 'doPublishResponse', 1, MAX_DEPTH)
    makePlain(adapter, 'persistSession', 0, MAX_DEPTH)
    sendAtTheCall(adapter, true, { maxDepth: MAX_DEPTH })
    takeCensus(adapter, onServerGone)
    countSafely(adapter)
    keepSnapshots(adapter as unknown as RecoveringAdapter, clients, channelPrefix)
    return adapter
  }
}
