// A client of Redis, however it is reached; the only import of ioredis.
import type * as IoRedis from 'ioredis'
import type { Cluster, Redis } from 'ioredis'
import { requireOptional } from './optional.ts'
import type { RedisTarget } from './target.ts'

/** @throws StickyError HOLDFAST_MISSING_PACKAGE */
export function requireRedis(what: string): typeof IoRedis {
  return requireOptional('ioredis', what) as typeof IoRedis
}

export type RedisCluster = Cluster

/** Also a node of a Cluster. */
export type RedisNode = Redis

export type RedisClient = Redis | Cluster

/** Milliseconds without an answer after which a connection counts as broken. */
const SILENCE = 10_000

/** What a client does with commands while Redis is away: keep them, and for how many attempts. */
export interface Offline {
  enableOfflineQueue: boolean
  maxRetriesPerRequest: number | null
}

/**
 * @param sharded - with a Cluster: it gets what is published to one shard
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function openClient(target: RedisTarget, offline: Offline, sharded: boolean): RedisNode {
  const ioredis = requireRedis('a Redis backplane')
  const always = {
    ...offline,
    retryStrategy,
    lazyConnect: false,
    // A timer that runs out even where there is no connection to close; its default holds up the end for 2 s.
    disconnectTimeout: 100,
  }
  if (typeof target === 'string') return new ioredis.Redis(target, { ...silence(offline), ...always })
  const { cluster, redisOptions, ...options } = target
  if (cluster === undefined) return new ioredis.Redis({ ...options, ...silence(offline, options), ...always } as object)
  const { maxRetriesPerRequest, enableOfflineQueue } = offline
  const client = new ioredis.Cluster([...cluster], {
    ...options,
    redisOptions: {
      ...(redisOptions as object | undefined),
      ...silence(offline, redisOptions as object | undefined),
      maxRetriesPerRequest,
      disconnectTimeout: 100,
    },
    clusterRetryStrategy: retryStrategy,
    enableOfflineQueue,
    lazyConnect: false,
    shardedSubscribers: sharded,
    // Else a publish is tried for 1.6 s before it fails.
    ...(enableOfflineQueue ? {} : { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 }),
  })
  // It has the same commands and events.
  return client as unknown as Redis
}

/**
 * A Redis that hangs is away, too: else what is published would pile up for as long as it does. Those that wait also wait
 * for what Redis holds back, such as a read that blocks until there is something.
 */
function silence(offline: Offline, given: object = {}): object {
  const { socketTimeout = SILENCE } = given as { socketTimeout?: unknown }
  return { socketTimeout: offline.enableOfflineQueue ? undefined : socketTimeout }
}

/** Whether it is the end of a connection that had no answer for too long. */
export function isSilence({ message }: Error): boolean {
  return message.startsWith('Socket timeout')
}

/**
 * A Cluster connects to a node at its first command, and those that follow would fail until it is there. Not before the
 * Cluster itself is ready: it asks a node whether it is, and that must not fail.
 */
export function connectToNodes(client: Redis, changed: () => void): void {
  const connect = (node: Redis): void => {
    node.once('ready', changed)
    if (node.status === 'wait') node.connect().catch(toldByNode)
  }
  client.on('ready', () => nodesOf(client, 'all').forEach(connect))
  client.on('+node', (node: Redis) => client.status === 'ready' && connect(node))
  client.on('-node', changed)
}

/** A Cluster that publishes needs a connection to each master. */
export function isReady(client: Redis): boolean {
  const { status, isCluster, options } = client
  const publishes = isCluster && options.enableOfflineQueue === false
  return status === 'ready' && (!publishes || nodesOf(client, 'master').every((node) => node.status === 'ready'))
}

/** The one server, or all of a Cluster. */
export function nodesOf(client: Redis, role: 'master' | 'all'): Redis[] {
  return client.isCluster ? (client as unknown as Cluster).nodes(role) : [client]
}

/** Its 'end' makes the Cluster look for another one. */
function toldByNode(): void {}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 6), 2_000)
}
