// The options of attachSocketIO -> the adapter to set up, and the Redis that it uses.
import { serialize } from 'node:v8'
import { Reader } from '../options/reader.ts'
import { isRedisUrl, redacted, redisOfEnvironment, type RedisTarget } from '../redis/target.ts'

/**
 * The way that broadcasts take between workers.
 *
 * auto: redis where Redis is configured, else ipc. ipc: through the primary; for one host. bridge: through the primary,
 * and from there to the primaries of other hosts, with two connections to Redis per host. redis, redis-sharded,
 * redis-streams: each worker has its own connections to Redis.
 */
export type AdapterChoice = 'auto' | 'ipc' | 'bridge' | 'redis' | 'redis-sharded' | 'redis-streams'

/** Options of {@link attachSocketIO}. */
export interface AttachOptions {
  /** The way that broadcasts take between workers; docs/socket-io.md compares them. @default 'auto' */
  adapter?: AdapterChoice
  /**
   * The Redis to broadcast through, needed as soon as there is more than one host: a URL, the path of a Unix socket, or
   * for Sentinel, Cluster and certificates an object of options. `false` keeps REDIS_URL from being used.
   * @default the REDIS_URL environment variable
   * @example 'redis://127.0.0.1:6379'
   * @example { sentinels: [{ host: '10.0.0.1', port: 26379 }], name: 'mymaster' }
   * @example { cluster: ['redis://10.0.0.1:6379'] }
   */
  redis?: RedisTarget | false
  /** The start of all channel names; applications that share a Redis need different ones. @default 'socket.io' */
  channelPrefix?: string
  /**
   * With redis-streams: the number of broadcasts, of all workers together, that Redis keeps for clients that reconnect.
   * From 1 to 100 million.
   * @default 10000
   */
  history?: number
}

/** The adapter that was chosen, and the reason. */
export type AdapterPlan = { reason: string } & (
  | { adapter: 'ipc' }
  | ({ adapter: 'bridge' } & RedisPlan)
  | ({ adapter: Exclude<AdapterChoice, 'auto' | 'ipc' | 'bridge'> } & RedisPlan)
)

interface RedisPlan {
  redis: RedisTarget
  channelPrefix: string
  history: number
}

const CHOICES = ['auto', 'ipc', 'bridge', 'redis', 'redis-sharded', 'redis-streams'] as const

/** @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION */
export function readAttachOptions(options: AttachOptions | undefined): AdapterPlan {
  const read = new Reader('attachSocketIO options', options)
  const choice = read.oneOf('adapter', CHOICES, 'auto')
  const channelPrefix = read.string('channelPrefix') ?? 'socket.io'
  const given = readRedis(read)
  const history = read.integer('history', { min: 1, max: 100_000_000, fallback: 10_000 })
  const hasHistory = read.raw('history') !== undefined
  read.done()

  const redis = given ?? (choice === 'ipc' ? undefined : redisOfEnvironment())
  const source = given === undefined ? 'REDIS_URL is' : 'the redis option is'
  const adapter = choice === 'auto' ? (redis === undefined || redis === false ? 'ipc' : 'redis') : choice
  if (hasHistory && adapter !== 'redis-streams') {
    throw read.wrong('adapter', RangeError, 'redis-streams with history', "'redis-streams'", choice)
  }
  if (adapter === 'ipc') {
    // The error does not show the URL, because it may contain a password.
    if (typeof given === 'string' || typeof given === 'object') {
      throw read.wrong('adapter', RangeError, 'one that uses Redis with the redis option', "'redis'", choice)
    }
    return { adapter, reason: choice === 'ipc' ? chosen : redis === false ? `${source} false` : `${source} not set` }
  }
  if (redis === false) throw read.wrong('adapter', RangeError, "'ipc' with redis: false", "'ipc'", adapter)
  if (redis === undefined) {
    const expected = `a Redis for adapter '${adapter}' (REDIS_URL is not set either)`
    throw read.wrong('redis', TypeError, expected, "'redis://127.0.0.1:6379'", redis)
  }
  if (adapter === 'bridge' && !isData(redis)) {
    const expected = "no functions for adapter 'bridge', because it travels to the primary"
    throw read.wrong('redis', TypeError, expected, "{ host: '127.0.0.1', port: 6379 }", Object.keys(redis))
  }
  return { adapter, redis, channelPrefix, history, reason: choice === 'auto' ? `${source} set` : chosen }
}

const chosen = 'the adapter option is set'

function readRedis(read: Reader): RedisTarget | false | undefined {
  const value = read.raw('redis')
  if (value === undefined || value === false) return value
  if (typeof value === 'string' && isRedisUrl(value)) return value
  const wrong = (expected: string, write: string, got: unknown) => read.wrong('redis', TypeError, expected, write, got)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong('false, a URL that starts with redis://, or an object', "'redis://127.0.0.1:6379'", redacted(value))
  }
  const { cluster, sentinels, name, keyPrefix, duplicate } = value as Record<string, unknown>
  // The connections behave differently while Redis is away, so Holdfast opens them itself.
  if (typeof duplicate === 'function') {
    throw wrong('options, not a client made of them', "{ host: '127.0.0.1', port: 6379 }", duplicate)
  }
  if (cluster !== undefined && !isList(cluster)) {
    throw wrong('nodes of the Cluster in cluster', "{ cluster: ['redis://127.0.0.1:6379'] }", redacted(cluster))
  }
  const sentinel = "{ sentinels: [{ host: '127.0.0.1', port: 26379 }], name: 'mymaster' }"
  if (sentinels !== undefined && !(isList(sentinels) && typeof name === 'string')) {
    throw wrong('a list of sentinels, and their name for the master', sentinel, Object.keys(value))
  }
  if (cluster !== undefined && sentinels !== undefined) {
    throw wrong('either cluster or sentinels', sentinel, Object.keys(value))
  }
  if (keyPrefix !== undefined) throw wrong('channelPrefix instead of keyPrefix', "{ … }, channelPrefix: '…'", keyPrefix)
  return value as RedisTarget
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0
}

/** Whether the value can be sent to another process. */
function isData(value: unknown): boolean {
  try {
    return serialize(value).length > 0
  } catch {
    return false // a function, or an object that contains one
  }
}
