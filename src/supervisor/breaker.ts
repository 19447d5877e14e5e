// When to stop forking. Pure: exits go in, a verdict comes out.
import type { Exit } from './backoff.ts'

export interface BreakerPolicy {
  /** Failed starts of one worker in a row. */
  maxStartCrashes: number
  /** Milliseconds of service after which a process that leaves by itself is no failed start. */
  stableAfter: number
  /** Crashes of all workers together within a minute. */
  maxCrashesPerMinute: number
}

const MINUTE = 60_000

/**
 * The reason to start no worker for a while, in words; undefined while starting goes on.
 *
 * @param own - the exits of the worker that is to be started, oldest first
 * @param all - the exits of all workers, oldest first
 * @param now - milliseconds on the clock of the exits
 */
export function tripped(
  own: readonly Exit[],
  all: readonly Exit[],
  now: number,
  { maxStartCrashes, maxCrashesPerMinute, stableAfter }: BreakerPolicy,
): string | undefined {
  const failedStarts = own.slice(own.findLastIndex((exit) => !isFailedStart(exit, stableAfter)) + 1)
  if (failedStarts.length >= maxStartCrashes) {
    const orLeft = failedStarts.some(({ served }) => served > 0) ? `, or left by itself within ${stableAfter} ms` : ''
    return `${failedStarts.length} starts in a row ended before the worker was ready${orLeft}`
  }
  const recent = all.filter(({ at }) => now - at < MINUTE).length
  if (recent >= maxCrashesPerMinute) return `${recent} crashes within a minute`
  return undefined
}

/**
 * Whether the end counts as a failed start. A crash in service is no failed start, because a request may have caused it.
 * A program that leaves soon after its start does so after each start.
 *
 * @param stableAfter - milliseconds
 */
export function isFailedStart({ served, left = false }: Pick<Exit, 'served' | 'left'>, stableAfter: number): boolean {
  return served === 0 || (left && served < stableAfter)
}
