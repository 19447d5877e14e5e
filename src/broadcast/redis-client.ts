// Connections to Redis; the only import of ioredis.
import type * as IoRedis from 'ioredis'
import type { Cluster, Redis } from 'ioredis'
import { deserialize, serialize } from 'node:v8'
import { codeOf, describe } from '../errors.ts'
import { requireOptional } from './optional.ts'

/**
 * How to get to Redis where a URL does not say enough: what ioredis takes, as plain data (`host`, `port`, `password`,
 * `tls` ...). The connections are made here, because a publisher and a subscriber behave differently while Redis is away.
 */
export interface RedisOptions {
  /** Nodes of a Redis Cluster; one is enough to find the others. What comes along is ioredis' ClusterOptions then. */
  cluster?: readonly (string | { host?: string; port?: number })[]
  /** Sentinels, of which one is enough to find the others ... */
  sentinels?: readonly { host?: string; port?: number }[]
  /** ... and their name for the master. */
  name?: string
  [option: string]: unknown
}

/** A URL, the path of a Unix socket, or options. */
export type RedisTarget = string | RedisOptions

/** For a message to another process, over whatever channel. @throws Error when there are functions in it */
export function packTarget(target: RedisTarget): string {
  return serialize(target).toString('base64')
}

export function unpackTarget(packed: string): RedisTarget {
  return deserialize(Buffer.from(packed, 'base64')) as RedisTarget
}

/** @throws StickyError HOLDFAST_MISSING_PACKAGE */
export function requireRedis(what: string): typeof IoRedis {
  return requireOptional('ioredis', what) as typeof IoRedis
}

export type RedisCluster = Cluster

/** Also a node of a Cluster. */
export type RedisNode = Redis

export type RedisClient = Redis | Cluster

/** Says once per change whether Redis can be reached. */
export interface RedisWatch {
  up(): void
  /** @param reason - the last error's words */
  down(reason: string): void
  /** Redis is there and does not do what it was asked: it is too old, or this user may not. */
  refused?(command: string, reason: string): void
}

/** A publisher and a subscriber that survive Redis going away. */
export interface RedisPair {
  readonly publisher: Redis
  readonly subscriber: Redis
  readonly connected: boolean
  /** Publishes that Redis did not get, because it was away. */
  readonly lost: number
  /** One more connection that waits for Redis as the subscriber does, counted in `connected`. */
  another(): Redis
  /** Counts one that was published in another way than by publish(). */
  lose(): void
  /** How many subscribe to the channel now. */
  listeners(channel: string): Promise<number>
  close(): Promise<void>
}

/**
 * @param sharded - with a Cluster: the subscriber gets what is published to one shard
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function redisPair(target: RedisTarget, watch: RedisWatch, { sharded = false } = {}): RedisPair {
  const ioredis = requireRedis('a Redis backplane')
  const clients: Redis[] = []
  let lost = 0
  let up: boolean | undefined
  let reason = 'not connected yet'

  const ready = (): void => {
    if (up === true || !clients.every(isReady)) return
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
  const connect = (offline: Offline): Redis => {
    const client = newClient(ioredis, target, offline, sharded)
    client.on('error', (error: Error & { lastNodeError?: Error }) => {
      // A Cluster's own words are that all of its nodes failed.
      const { lastNodeError: said = error } = error
      reason = describe(said) || codeOf(said) || reason
    })
    client.on('ready', ready)
    client.on('close', closed)
    if (client.isCluster && !offline.enableOfflineQueue) connectToNodes(client, ready)
    clients.push(client)
    return client
  }
  const refused = (command: string, error: unknown): void => {
    if (error instanceof ioredis.ReplyError) watch.refused?.(command, describe(error))
  }
  /** It waits for as long as it takes, and subscribes again by itself. */
  const patient = (): Redis => {
    const client = connect({ enableOfflineQueue: true, maxRetriesPerRequest: null })
    // An adapter does not look at what these return, and they fail when the worker leaves before Redis has answered.
    replace(
      client,
      ['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe'],
      (send, name) => {
        const sent = send()
        sent.catch((error: unknown) => refused(name, error))
        return sent
      },
    )
    return client
  }

  // While Redis is away a publish fails at once (and is counted) instead of piling up in memory; the adapter does not
  // look at what publish() returns, and an unhandled rejection would end the worker.
  const publisher = connect({ enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  const inOrder = oneAfterTheOther()
  replace(publisher, ['publish', 'spublish'], (send, name) =>
    inOrder(send()).catch((error: unknown) => {
      lost++
      refused(name, error)
      return 0
    }),
  )
  const subscriber = patient()
  return {
    publisher,
    subscriber,
    another: patient,
    lose: () => void lost++,
    async listeners(channel) {
      const counts = await Promise.all(nodesOf(publisher, 'all').map((node) => node.pubsub('NUMSUB', channel)))
      return counts.reduce((sum, [, count]) => sum + Number(count), 0)
    },
    get connected() {
      return up === true
    },
    get lost() {
      return lost
    },
    async close() {
      up = false
      for (const client of clients) {
        client.off('close', closed)
        client.disconnect()
      }
    },
  }
}

/** Milliseconds without an answer after which a connection counts as broken. */
const SILENCE = 10_000

/** What a client does with commands while Redis is away: keep them, and for how many attempts. */
interface Offline {
  enableOfflineQueue: boolean
  maxRetriesPerRequest: number | null
}

function newClient(ioredis: typeof IoRedis, target: RedisTarget, offline: Offline, sharded: boolean): Redis {
  const always = {
    ...offline,
    retryStrategy,
    lazyConnect: false,
    // A timer that runs out even where there is no connection to close; its default holds up the end for 2 s.
    disconnectTimeout: 100,
  }
  // A Redis that hangs is away, too: else what is published would pile up for as long as it does.
  const silence = offline.enableOfflineQueue ? {} : { socketTimeout: SILENCE }
  if (typeof target === 'string') return new ioredis.Redis(target, { ...silence, ...always })
  const { cluster, redisOptions, ...options } = target
  if (cluster === undefined) return new ioredis.Redis({ ...silence, ...options, ...always } as object)
  const { maxRetriesPerRequest, enableOfflineQueue } = offline
  const client = new ioredis.Cluster([...cluster], {
    ...options,
    redisOptions: { ...silence, ...(redisOptions as object | undefined), maxRetriesPerRequest, disconnectTimeout: 100 },
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
 * A Cluster connects to a node at its first command, and those that follow would fail until it is there. Not before the
 * Cluster itself is ready: it asks a node whether it is, and that must not fail.
 */
function connectToNodes(client: Redis, changed: () => void): void {
  const connect = (node: Redis): void => {
    node.once('ready', changed)
    if (node.status === 'wait') node.connect().catch(toldByNode)
  }
  client.on('ready', () => nodesOf(client, 'all').forEach(connect))
  client.on('+node', (node: Redis) => client.status === 'ready' && connect(node))
  client.on('-node', changed)
}

/** A Cluster that publishes needs a connection to each master. */
function isReady(client: Redis): boolean {
  const { status, isCluster, options } = client
  const publishes = isCluster && options.enableOfflineQueue === false
  return status === 'ready' && (!publishes || nodesOf(client, 'master').every((node) => node.status === 'ready'))
}

/** The one server, or all of a Cluster. */
function nodesOf(client: Redis, role: 'master' | 'all'): Redis[] {
  return client.isCluster ? (client as unknown as Cluster).nodes(role) : [client]
}

/** Its 'end' makes the Cluster look for another one. */
function toldByNode(): void {}

/** Puts something around commands of a client, by their names. */
export function replace(
  client: Redis,
  names: readonly string[],
  command: (send: () => Promise<unknown>, name: string) => Promise<unknown>,
): void {
  for (const name of names) {
    const own = Reflect.get(client, name) as (...args: unknown[]) => Promise<unknown>
    Object.assign(client, { [name]: (...args: unknown[]) => command(() => own.apply(client, args), name) })
  }
}

/**
 * When a connection breaks, what is sent then fails sooner than what was on its way; and an adapter may tell its own
 * clients when it has an answer from Redis.
 *
 * @returns makes a promise wait for those before it
 */
export function oneAfterTheOther(): <T>(sent: Promise<T>) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve()
  return (sent) => {
    const result = before.then(() => sent)
    before = result.catch(() => {})
    // It waits for its turn, and nobody looks at it until then.
    sent.catch(() => {})
    return result
  }
}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 6), 2_000)
}
