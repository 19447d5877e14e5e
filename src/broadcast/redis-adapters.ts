// Socket.IO's adapters over Redis' publish and subscribe, the only import of their package.
import type * as RedisAdapter from '@socket.io/redis-adapter'
import type { AdapterFactory } from './adapter-message.ts'
import { requireOptional } from './optional.ts'
import type { RedisPair } from './redis-client.ts'

/**
 * @param sharded - over the sharded kind of Redis 7, with a channel per room, so that a worker gets only what its rooms do
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function redisAdapter(
  { publisher, subscriber }: RedisPair,
  channelPrefix: string,
  sharded: boolean,
): AdapterFactory {
  const name = '@socket.io/redis-adapter'
  const adapter = requireOptional(name, 'Socket.IO over Redis') as typeof RedisAdapter
  if (sharded) return adapter.createShardedAdapter(publisher, subscriber, { channelPrefix })
  return adapter.createAdapter(publisher, subscriber, { key: channelPrefix, publishOnSpecificResponseChannel: true })
}
