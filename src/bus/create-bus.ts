// Chooses the bus: through Redis where that is configured, else through the primary in a worker, else local.
import { Reader } from '../options/reader.ts'
import { workerSetup } from '../ipc/role.ts'
import { processRuntime, type Runtime } from '../runtime.ts'
import type { Bus } from './bus.ts'
import { openIpc, readIpc, type IpcBusOptions } from './ipc-bus.ts'
import { openLocal } from './local-bus.ts'
import { openRedis, readRedis, type RedisBusOptions } from './redis-bus.ts'
import type { RedisSettings } from './redis-carrier.ts'
import { isRedisUrl, redacted, redisOfEnvironment } from '../redis/target.ts'

/** Options of {@link createBus}. */
export interface BusOptions extends IpcBusOptions {
  /**
   * The kind of bus. 'auto': through Redis where `redis` or REDIS_URL is set; else through the primary in a worker;
   * else local.
   * @default 'auto'
   */
  bus?: 'auto' | 'local' | 'ipc' | 'redis'
  /**
   * Where Redis is: a URL, the path of a Unix socket, or options of redisBus(). It is needed as soon as there is more
   * than one host; `false` keeps REDIS_URL from being used.
   * @default the REDIS_URL environment variable
   */
  redis?: string | false | RedisBusOptions
}

/**
 * Messages between all processes of an application: the workers of one machine, or of several with Redis between them.
 *
 * @throws StickyError HOLDFAST_MISSING_PACKAGE when the bus goes through Redis and ioredis is not installed
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 * @example
 * const bus = createBus()
 * bus.subscribe('news', (message) => console.log(message))
 * bus.publish('news', { title: 'Low tide' })
 */
export function createBus(options?: BusOptions): Bus {
  const read = new Reader('createBus options', options)
  const which = read.oneOf('bus', ['auto', 'local', 'ipc', 'redis'], 'auto')
  const ipc = readIpc(read)
  const redis = readRedisOption(read, which, ipc.maxBuffered)
  read.done()
  const runtime = processRuntime
  return announced(open(), runtime)

  function open(): Bus {
    if (which === 'local') return openLocal('the bus option says so', runtime)
    if (which === 'ipc') return openIpc(ipc, 'the bus option says so', runtime)
    if (redis.settings !== undefined) return openRedis(redis.settings, redis.reason, runtime)
    return openIpc(ipc, redis.reason, runtime)
  }
}

/** The settings for Redis, or undefined; and the reason for either. */
function readRedisOption(
  read: Reader,
  which: Required<BusOptions>['bus'],
  maxBuffered: number,
): { settings: RedisSettings | undefined; reason: string } {
  const value = read.raw('redis')
  const none = (reason: string) => ({ settings: undefined, reason })
  const some = (options: unknown, reason: string) => {
    return { settings: readRedis(read.nested('redis', { maxBuffered, ...(options as object) })), reason }
  }
  if (typeof value === 'string' && isRedisUrl(value)) return some({ url: value }, 'the redis option is set')
  if (typeof value === 'object' && value !== null) return some(value, 'the redis option is set')
  if (value !== undefined && value !== false) {
    const expected = 'false, options or a URL that starts with redis://'
    throw read.wrong('redis', TypeError, expected, "'redis://127.0.0.1:6379'", redacted(value))
  }
  if (which === 'redis') return some({}, 'the bus option says so')
  if (value === false) return none('the redis option is false')
  // The bus option excludes Redis; its own reason is used.
  if (which !== 'auto') return none('')
  return redisOfEnvironment() === undefined ? none('REDIS_URL is not set') : some({}, 'REDIS_URL is set')
}

/**
 * Logs the kind of the bus when it is first used. All workers choose the same, so only the first one logs it. A primary
 * that runs the same program makes a bus as well, and never uses it.
 */
function announced(bus: Bus, runtime: Pick<Runtime, 'logger'>): Bus {
  let isLogged = (workerSetup()?.id ?? 0) !== 0
  const logOnce = (): void => {
    if (isLogged) return
    isLogged = true
    // In the next turn, because stickyListen may set the application's logger in this one.
    setImmediate(() => runtime.logger.info('bus.chosen', { kind: bus.kind, reason: bus.reason }))
  }
  return {
    ...bus,
    publish(channel, message) {
      logOnce()
      bus.publish(channel, message)
    },
    subscribe(channel, listener) {
      logOnce()
      return bus.subscribe(channel, listener)
    },
    counter(name) {
      logOnce()
      return bus.counter(name)
    },
  }
}
