// A bus's connections to Redis.
import { requireRedis, type RedisClient, type RedisCluster, type RedisNode } from '../redis/client.ts'

/** What needs ioredis. */
export const FOR_THE_BUS = 'a bus through Redis'

/** Milliseconds between two attempts of a bus to connect, at most. */
export const MAX_RETRY_DELAY = 500

/** How the bus reaches Redis: by a URL, by ioredis' options, or as a client of the application's does. */
export interface RedisSource {
  readonly url: string | undefined
  readonly options: object | undefined
  readonly client: RedisClient | undefined
}

/**
 * Connections for a bus: one to publish and one to subscribe, which a Cluster has inside. Nothing is sent twice and
 * nothing waits in them: what waits is the bus's to bound and to count, and it subscribes again itself.
 */
export function busClients({ url, options, client }: RedisSource, sharded: boolean): [RedisClient, RedisClient] {
  const atMostOnce = { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false }
  // Whoever brings a strategy of his own may be back later than the others count on, or never.
  const retries = { retryStrategy, sentinelRetryStrategy: retryStrategy }
  const own = { ...atMostOnce, ...retries, enableOfflineQueue: false, autoResubscribe: false, lazyConnect: false }
  if (client?.isCluster === true) {
    // Before ioredis 6 these replaced the Cluster's, and its password with them.
    const redisOptions: object = { ...(client as RedisCluster).options.redisOptions, ...atMostOnce }
    const noRetries = { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, retryDelayOnTryAgain: 0 }
    // Without its queue it refuses what is for a node that it has not connected to yet.
    const cluster = (client as RedisCluster).duplicate([], {
      ...noRetries,
      clusterRetryStrategy: retryStrategy,
      enableOfflineQueue: true,
      lazyConnect: false,
      shardedSubscribers: sharded,
      redisOptions,
    })
    return [cluster, cluster]
  }
  if (client !== undefined) return [(client as RedisNode).duplicate(own), (client as RedisNode).duplicate(own)]
  const ioredis = requireRedis(FOR_THE_BUS)
  const all = { disconnectTimeout: 100, ...options, ...own }
  const open = (): RedisNode => (url === undefined ? new ioredis.Redis(all) : new ioredis.Redis(url, all))
  return [open(), open()]
}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 6), MAX_RETRY_DELAY)
}
