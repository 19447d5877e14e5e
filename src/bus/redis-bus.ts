// The bus through Redis: for several machines. Its options, and how it opens.
import { Reader } from '../options/reader.ts'
import { requireRedis, type RedisSource } from '../redis/client.ts'
import { isRedisUrl, redisOfEnvironment, withoutPassword } from '../redis/target.ts'
import { processRuntime, type Runtime } from '../runtime.ts'
import type { Bus } from './bus.ts'
import { Hub } from './hub.ts'
import { openBus } from './open-bus.ts'
import { MAX_BUFFERED } from './record-queue.ts'
import { RedisCarrier, type RedisSettings } from './redis-carrier.ts'

/** A `Redis` or `Cluster` of ioredis. */
export interface RedisClientLike {
  duplicate(...args: never[]): unknown
}

/** Options of {@link redisBus}. */
export interface RedisBusOptions {
  /**
   * Where Redis is: a URL, or the absolute path of a Unix socket.
   * @default the REDIS_URL environment variable, unless `client` or `options` is given
   * @example 'redis://127.0.0.1:6379'
   */
  url?: string
  /** ioredis' own options, beside the URL or instead of it. @example { sentinels: [{ host, port }], name: 'main' } */
  options?: object
  /**
   * A client of ioredis that has the settings of the connections, instead of `url` and `options`; needed for Redis Cluster.
   * The bus opens copies of the client and leaves the client itself alone.
   * @example new Cluster([{ host: '127.0.0.1', port: 7000 }], { lazyConnect: true })
   */
  client?: RedisClientLike
  /**
   * Sharded publish and subscribe, from Redis 7 on: in a Cluster only the nodes of a channel's slot carry its messages. All
   * processes that share a channel must set the same value.
   * @default false
   */
  sharded?: boolean
  /**
   * Before the names of channels and counters; applications that share a Redis need different ones.
   *
   * @default 'holdfast'
   */
  prefix?: string
  /**
   * Bytes of messages that wait at most while Redis is away or slow, from 1024 to 2 ** 32 - 1. Messages beyond that are
   * lost, and counted in `lost`.
   * @default 8 MiB
   */
  maxBuffered?: number
}

/**
 * A bus through Redis. It connects when it is first used.
 *
 * @throws StickyError HOLDFAST_MISSING_PACKAGE when ioredis is not installed
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 * @example
 * const bus = redisBus({ url: 'redis://127.0.0.1:6379' })
 */
export function redisBus(options?: RedisBusOptions): Bus {
  return openRedis(readRedis(new Reader('redisBus options', options)), 'redisBus() was asked for', processRuntime)
}

export function openRedis(settings: RedisSettings, reason: string, runtime: Runtime): Bus {
  if (settings.source.client === undefined) requireRedis('a bus through Redis')
  const bus = openBus(new Hub(runtime, (events) => new RedisCarrier(settings, events)), reason)
  runtime.once('leave', () => void bus.close())
  return bus
}

/**
 * @param read - of a RedisBusOptions and no other options
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 */
export function readRedis(read: Reader): RedisSettings {
  const client = readClient(read)
  const options = readOptions(read)
  const given = readUrl(read)
  const settings = {
    sharded: readSharded(read),
    prefix: read.string('prefix') ?? 'holdfast',
    maxBuffered: read.integer('maxBuffered', { min: 1024, max: 0xffff_ffff, fallback: MAX_BUFFERED }),
  }
  read.done()
  if (given !== undefined && client !== undefined) {
    throw read.wrong('url', TypeError, 'nothing beside client', 'undefined', given)
  }
  const url = given ?? (client === undefined && options === undefined ? redisOfEnvironment() : undefined)
  if (url === undefined && client === undefined && options === undefined) {
    throw read.wrong('url', TypeError, 'a URL, as REDIS_URL is not set', "'redis://127.0.0.1:6379'", url)
  }
  return { source: { url, options, client }, ...settings }
}

function readUrl(read: Reader): string | undefined {
  const url = read.string('url')
  if (url === undefined || isRedisUrl(url)) return url
  throw read.wrong(
    'url',
    TypeError,
    'a URL that starts with redis://',
    "'redis://127.0.0.1:6379'",
    withoutPassword(url),
  )
}

function readOptions(read: Reader): object | undefined {
  const options = read.raw('options')
  if (options === undefined || (typeof options === 'object' && options !== null)) return options
  throw read.wrong('options', TypeError, "an object of ioredis' options", "{ sentinels: [...], name: 'main' }", options)
}

function readClient(read: Reader): RedisSource['client'] {
  const client = read.raw('client')
  if (client === undefined) return undefined
  const isClient =
    typeof client === 'object' && client !== null && typeof Reflect.get(client, 'duplicate') === 'function'
  if (isClient) return client as RedisSource['client']
  throw read.wrong('client', TypeError, 'a client of ioredis', "new Redis('redis://127.0.0.1:6379')", client)
}

function readSharded(read: Reader): boolean {
  const sharded = read.raw('sharded') ?? false
  if (typeof sharded === 'boolean') return sharded
  throw read.wrong('sharded', TypeError, 'true or false', 'true', sharded)
}
