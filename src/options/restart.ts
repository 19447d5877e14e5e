// Reads the option `restart`.
import type { BackoffPolicy } from '../supervisor/backoff.ts'
import type { BreakerPolicy } from '../supervisor/breaker.ts'
import type { RecyclePolicy } from '../supervisor/recycling.ts'
import { MAX_TIMER, type Reader } from './reader.ts'

/** Times in milliseconds. */
export interface RestartSettings extends BackoffPolicy, BreakerPolicy, RecyclePolicy {
  retryDelay: number
  onGiveUp: 'exit' | 'keep'
}

export function readRestart(read: Reader): Readonly<RestartSettings> {
  return read.group('restart', (group) => {
    const minDelay = group.milliseconds('minDelay', 100)
    return {
      minDelay,
      maxDelay: group.integer('maxDelay', { min: minDelay, max: MAX_TIMER, fallback: Math.max(30_000, minDelay) }),
      stableAfter: group.milliseconds('stableAfter', 10_000),
      maxStartCrashes: group.integer('maxStartCrashes', { min: 1, max: 32, fallback: 5 }),
      maxCrashesPerMinute: group.integer('maxCrashesPerMinute', { min: 1, max: 1_000, fallback: 10 }),
      retryDelay: group.milliseconds('retryDelay', 30_000),
      onGiveUp: group.oneOf('onGiveUp', ['exit', 'keep'], 'exit'),
      maxAge: group.milliseconds('maxAge', Infinity),
      maxServed: group.integer('maxServed', { min: 1, max: Number.MAX_SAFE_INTEGER, fallback: Infinity }),
    }
  })
}
