// Socket.IO's adapters over Redis' publish and subscribe, the only import of their package.
import type * as RedisAdapter from '@socket.io/redis-adapter'
import { requireOptional } from '../redis/optional.ts'
import type { AdapterClients } from './adapter-clients.ts'
import { countSafely, makePlain } from './adapter-guards.ts'
import type { AdapterFactory } from './adapter-message.ts'
import { sendAtTheCall } from './at-the-call.ts'
import { classicAdapter } from './classic-adapter.ts'
import { takeCensus, type OnServerGone } from './cluster-census.ts'

/**
 * @param isSharded - over the sharded publish and subscribe of Redis 7, with a channel per room: a worker gets only the
 *   broadcasts of its own rooms
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function redisAdapter(
  { publisher, subscriber }: AdapterClients,
  channelPrefix: string,
  isSharded: boolean,
  onServerGone: OnServerGone,
): AdapterFactory {
  const name = '@socket.io/redis-adapter'
  const { createShardedAdapter, RedisAdapter: Classic } = requireOptional(
    name,
    'Socket.IO over Redis',
  ) as typeof RedisAdapter
  if (!isSharded) {
    const Adapter = classicAdapter(Classic, onServerGone)
    const options = { key: channelPrefix, publishOnSpecificResponseChannel: true }
    // Socket.IO calls this with `new`, so it cannot be an arrow function.
    return function create(namespace: unknown) {
      return new Adapter(namespace, publisher, subscriber, options)
    }
  }
  const create = createShardedAdapter(publisher, subscriber, { channelPrefix })
  return function createPlain(namespace: unknown) {
    const adapter = create(namespace)
    makePlain(adapter, 'doPublish', 0)
    makePlain(adapter, 'doPublishResponse', 1)
    sendAtTheCall(adapter, false)
    takeCensus(adapter, onServerGone)
    countSafely(adapter)
    return adapter
  }
}
