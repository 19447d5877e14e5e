// The bus through Redis: for several machines.
import { Reader } from '../options/reader.ts'
import { processRuntime } from '../runtime.ts'
import type { Bus } from './bus.ts'
import { Hub } from './hub.ts'
import { openBus } from './open-bus.ts'
import { FOR_THE_BUS } from './bus-clients.ts'
import { RedisCarrier } from './redis-carrier.ts'
import { requireRedis } from '../redis/client.ts'
import { readRedis, type RedisBusOptions, type RedisSettings } from '../redis/settings.ts'

/**
 * A bus through Redis. It connects when it is first used.
 *
 * @throws StickyError HOLDFAST_MISSING_PACKAGE when ioredis is not installed
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 * @example
 * const bus = redisBus({ url: 'redis://127.0.0.1:6379' })
 */
export function redisBus(options?: RedisBusOptions): Bus {
  return openRedis(readRedis(new Reader('redisBus options', options)), 'redisBus() was asked for')
}

export function openRedis(settings: RedisSettings, reason: string): Bus {
  if (settings.source.client === undefined) requireRedis(FOR_THE_BUS)
  const bus = openBus(new Hub((events) => new RedisCarrier(settings, events)), reason)
  processRuntime.once('leave', () => void bus.close())
  return bus
}
