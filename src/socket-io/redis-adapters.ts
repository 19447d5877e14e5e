// Socket.IO's adapters over Redis' publish and subscribe, the only import of their package.
import type * as RedisAdapter from '@socket.io/redis-adapter'
import type { AdapterClients } from './adapter-clients.ts'
import type { AdapterFactory } from './adapter-message.ts'
import { requireOptional } from '../redis/optional.ts'
import { givePlain } from './plain.ts'
import { plainAdapter } from './plain-adapter.ts'
import { countSafely } from './server-count.ts'

/**
 * @param sharded - over the sharded kind of Redis 7, with a channel per room, so that a worker gets only what its rooms do
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function redisAdapter(
  { publisher, subscriber }: AdapterClients,
  channelPrefix: string,
  sharded: boolean,
): AdapterFactory {
  const name = '@socket.io/redis-adapter'
  const { createShardedAdapter, RedisAdapter: Classic } = requireOptional(
    name,
    'Socket.IO over Redis',
  ) as typeof RedisAdapter
  if (!sharded) {
    const PlainAdapter = plainAdapter(Classic)
    const options = { key: channelPrefix, publishOnSpecificResponseChannel: true }
    // Socket.IO calls it with `new`, so it can not be an arrow function.
    return function create(namespace: unknown) {
      return new PlainAdapter(namespace, publisher, subscriber, options)
    }
  }
  const create = createShardedAdapter(publisher, subscriber, { channelPrefix })
  return function createPlain(namespace: unknown) {
    const adapter = create(namespace)
    givePlain(adapter, 'doPublish', 0)
    givePlain(adapter, 'doPublishResponse', 1)
    countSafely(adapter)
    return adapter
  }
}
