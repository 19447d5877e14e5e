// Connections to Redis; the only import of ioredis.
import type * as IoRedis from 'ioredis'
import type { Cluster, Redis } from 'ioredis'
import { codeOf, describe } from '../errors.ts'
import { requireOptional } from './optional.ts'

/** Says once per change whether Redis can be reached. */
export interface RedisWatch {
  up(): void
  /** @param reason - the last error's words */
  down(reason: string): void
}

/** A publisher and a subscriber that survive Redis going away. */
export interface RedisPair {
  readonly publisher: Redis
  readonly subscriber: Redis
  readonly connected: boolean
  /** Publishes that Redis did not get, because it was away. */
  readonly lost: number
  close(): Promise<void>
}

/** @throws StickyError HOLDFAST_MISSING_PACKAGE */
export function redisPair(url: string, watch: RedisWatch): RedisPair {
  const ioredis = requireOptional('ioredis', 'a Redis backplane') as typeof IoRedis
  const always = {
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
    // A timer that runs out even where there is no connection to close; its default holds up the end for 2 s.
    disconnectTimeout: 100,
  }
  let lost = 0
  let up: boolean | undefined
  let reason = 'not connected yet'

  // While Redis is away a publish fails at once (and is counted) instead of piling up in memory; the adapter does not
  // look at what publish() returns, and an unhandled rejection would end the worker.
  const publisher = new ioredis.Redis(url, { ...always, enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  const publish = publisher.publish.bind(publisher)
  publisher.publish = (channel: string, message: string | Buffer) =>
    publish(channel, message).catch(() => {
      lost++
      return 0
    })
  // The subscriber waits for as long as it takes, and subscribes again by itself.
  const subscriber = new ioredis.Redis(url, { ...always, maxRetriesPerRequest: null })

  // Nor does the adapter look at what these return, and they fail when the worker leaves before Redis has answered.
  for (const command of ['subscribe', 'psubscribe', 'unsubscribe', 'punsubscribe'] as const) {
    const send = subscriber[command].bind(subscriber) as (...args: unknown[]) => Promise<unknown>
    Object.assign(subscriber, {
      [command](...args: unknown[]) {
        const sent = send(...args)
        sent.catch(() => {})
        return sent
      },
    })
  }

  const ready = (): void => {
    if (up === true || publisher.status !== 'ready' || subscriber.status !== 'ready') return
    up = true
    reason = 'it closed the connection'
    watch.up()
  }
  // Also after the very first attempt failed: somebody who mistyped the URL wants to read it.
  const closed = (): void => {
    if (up === false) return
    up = false
    watch.down(reason)
  }
  for (const client of [publisher, subscriber]) {
    client.on('error', (error: Error) => (reason = describe(error) || codeOf(error) || reason))
    client.on('ready', ready)
    client.on('close', closed)
  }
  return {
    publisher,
    subscriber,
    get connected() {
      return up === true
    },
    get lost() {
      return lost
    },
    async close() {
      for (const client of [publisher, subscriber]) {
        client.off('close', closed)
        client.disconnect()
      }
    },
  }
}

/** Milliseconds between two attempts of a bus to connect, at most. */
export const MAX_RETRY_DELAY = 500

/** A client of the bus's. */
export type RedisClient = Redis | Cluster

/** Also a node of a Cluster. */
export type RedisNode = Redis

/** How the bus reaches Redis: by a URL, by ioredis' options, or as a client of the application's does. */
export interface RedisSource {
  readonly url: string | undefined
  readonly options: object | undefined
  readonly client: RedisClient | undefined
}

/** @throws StickyError HOLDFAST_MISSING_PACKAGE */
export function requireRedis(): typeof IoRedis {
  return requireOptional('ioredis', 'a bus through Redis') as typeof IoRedis
}

/**
 * Connections for a bus: one to publish and one to subscribe, which a Cluster has inside. Nothing is sent twice and
 * nothing waits in them: what waits is the bus's to bound and to count, and it subscribes again itself.
 */
export function busClients({ url, options, client }: RedisSource, sharded: boolean): [RedisClient, RedisClient] {
  const atMostOnce = { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false }
  const own = { ...atMostOnce, enableOfflineQueue: false, autoResubscribe: false, lazyConnect: false }
  if (client?.isCluster === true) {
    const noRetries = { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, retryDelayOnTryAgain: 0 }
    // Without its queue it refuses what is for a node that it has not connected to yet.
    const cluster = (client as Cluster).duplicate([], {
      ...noRetries,
      enableOfflineQueue: true,
      lazyConnect: false,
      shardedSubscribers: sharded,
      redisOptions: atMostOnce,
    })
    return [cluster, cluster]
  }
  if (client !== undefined) return [(client as Redis).duplicate(own), (client as Redis).duplicate(own)]
  const ioredis = requireRedis()
  const retryStrategy = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), MAX_RETRY_DELAY)
  const always = { retryStrategy, disconnectTimeout: 100 }
  const all = { ...always, ...options, ...own }
  const open = (): Redis => (url === undefined ? new ioredis.Redis(all) : new ioredis.Redis(url, all))
  return [open(), open()]
}
