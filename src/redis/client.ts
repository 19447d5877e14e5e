// One client of Redis, however Redis is reached; the only import of ioredis.
import type * as IoRedis from 'ioredis'
import type { Cluster, Redis } from 'ioredis'
import { requireOptional } from './optional.ts'

/** A connection to one server, or a Cluster: ioredis gives both the same commands and events. */
export type RedisClient = Redis

/**
 * How Redis is reached: by a URL, by options of ioredis, by the nodes of a Cluster, or as a client of the application
 * does.
 */
export interface RedisSource {
  readonly url?: string | undefined
  /** ioredis' RedisOptions, or its ClusterOptions where there is a `cluster`. */
  readonly options?: object | undefined
  readonly cluster?: readonly (string | { host?: string; port?: number })[] | undefined
  /** A copy of this client is opened, and the client itself is left alone. */
  readonly client?: RedisClient | undefined
}

/**
 * What happens to a command while Redis is away.
 *
 * fail: the command fails at once. wait: the client keeps the command until Redis is back, and subscribes again by
 * itself. gated: the caller sends nothing then, and subscribes again itself; the client repeats nothing.
 */
export type WhileAway = 'fail' | 'wait' | 'gated'

export interface ClientSettings {
  readonly whileAway: WhileAway
  /** Milliseconds between two attempts to connect, at most. */
  readonly maxRetryDelay: number
  /** Milliseconds without an answer after which a connection counts as broken; undefined for no limit. */
  readonly silence?: number | undefined
  /** On a Cluster: the client can subscribe to sharded channels. */
  readonly sharded: boolean
}

/** @param what - what needs ioredis, for the message @throws StickyError HOLDFAST_MISSING_PACKAGE */
export function requireRedis(what: string): typeof IoRedis {
  return requireOptional('ioredis', what) as typeof IoRedis
}

/** @throws StickyError HOLDFAST_MISSING_PACKAGE @throws Error of ioredis for an option with a wrong value */
export function openClient(source: RedisSource, settings: ClientSettings): RedisClient {
  const { url, client, cluster } = source
  if (cluster !== undefined || client?.isCluster === true) return openCluster(source, settings)
  const retryStrategy = retryDelays(settings)
  const isWaiting = settings.whileAway === 'wait'
  const options = {
    ...ofConnection(client?.options ?? source.options, settings),
    enableOfflineQueue: isWaiting,
    autoResubscribe: isWaiting,
    lazyConnect: false,
    // With the application's own strategy the client might be back too late, or never.
    retryStrategy,
    sentinelRetryStrategy: retryStrategy,
  }
  if (client !== undefined) return client.duplicate(options)
  const ioredis = requireRedis('a connection to Redis')
  const all = { disconnectTimeout: DISCONNECT_TIMEOUT, ...source.options, ...options }
  return url === undefined ? new ioredis.Redis(all) : new ioredis.Redis(url, all)
}

function openCluster({ client, cluster, options }: RedisSource, settings: ClientSettings): RedisClient {
  const original = client as unknown as Cluster | undefined
  const { redisOptions } = (original?.options ?? options ?? {}) as { redisOptions?: object }
  const own = {
    // A duplicate's redisOptions replace those of the original before ioredis 6, and its password with them.
    redisOptions: {
      disconnectTimeout: DISCONNECT_TIMEOUT,
      ...redisOptions,
      ...ofConnection(redisOptions, settings),
    },
    clusterRetryStrategy: retryDelays(settings),
    // Without the queue a Cluster refuses commands for a node that it has not connected to yet.
    enableOfflineQueue: settings.whileAway !== 'fail',
    lazyConnect: false,
    shardedSubscribers: settings.sharded,
    // With ioredis' delays a publish is tried for 1.6 s before it fails.
    ...(settings.whileAway === 'wait'
      ? {}
      : { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, retryDelayOnTryAgain: 0 }),
  }
  if (original !== undefined) return original.duplicate([], own) as unknown as RedisClient
  const ioredis = requireRedis('a connection to Redis')
  return new ioredis.Cluster([...(cluster ?? [])], { ...options, ...own }) as unknown as RedisClient
}

/**
 * ioredis' timer runs out even where there is no connection to close; its default of 2 s would delay the end of a
 * process.
 */
const DISCONNECT_TIMEOUT = 100

/** The options of each connection, on a Cluster of the one to each node. */
function ofConnection(given: object = {}, { whileAway, silence }: ClientSettings): object {
  const { socketTimeout = silence } = given as { socketTimeout?: number }
  const isWaiting = whileAway === 'wait'
  return {
    maxRetriesPerRequest: isWaiting ? null : 0,
    autoResendUnfulfilledCommands: isWaiting,
    // A client that waits for Redis also waits for answers that Redis holds back, such as that of a blocking read.
    socketTimeout: isWaiting ? undefined : socketTimeout,
  }
}

function retryDelays({ maxRetryDelay }: ClientSettings): (attempts: number) => number {
  return (attempts) => Math.min(50 * 2 ** Math.min(attempts, 6), maxRetryDelay)
}

/**
 * Connects a Cluster to all its nodes ahead of the first command: while a node is connecting, a Cluster without a queue
 * refuses commands for it. This starts when the Cluster is ready, because the Cluster asks a node for its state before
 * that, and the question must not be refused either.
 *
 * @param changed - called when a node is connected or gone
 */
export function connectToNodes(client: RedisClient, changed: () => void): void {
  const connect = (node: Redis): void => {
    node.once('ready', changed)
    if (node.status === 'wait') node.connect().catch(ignoreFailedNode)
  }
  client.on('ready', () => nodesOf(client, 'all').forEach(connect))
  client.on('+node', (node: Redis) => client.status === 'ready' && connect(node))
  client.on('-node', changed)
}

/** The 'end' event of the node makes the Cluster look for another one. */
function ignoreFailedNode(): void {}

/** Whether commands can be sent: a Cluster without a queue needs a connection to each master. */
export function isReady(client: RedisClient): boolean {
  const { status, isCluster, options } = client
  const needsNodes = isCluster && options.enableOfflineQueue === false
  return status === 'ready' && (!needsNodes || nodesOf(client, 'master').every((node) => node.status === 'ready'))
}

/** The one server, or the nodes of a Cluster with that role. */
export function nodesOf(client: RedisClient, role: 'master' | 'all'): Redis[] {
  return client.isCluster ? (client as unknown as Cluster).nodes(role) : [client]
}

/** Whether the connection ended because no answer came for too long. */
export function isSilence({ message }: Error): boolean {
  return message.startsWith('Socket timeout')
}

/** Whether Redis has answered with an error: it took the command and refused it. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}
