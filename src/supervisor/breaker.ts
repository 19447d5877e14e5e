// When to stop forking. Pure: exits go in, a verdict comes out.
import type { Exit } from './backoff.ts'

export interface BreakerPolicy {
  /** Crashes of one worker in a row, each before it was ready. */
  maxStartCrashes: number
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
  { maxStartCrashes, maxCrashesPerMinute }: BreakerPolicy,
): string | undefined {
  const failedStarts = own.length - 1 - own.findLastIndex(({ served }) => served > 0)
  if (failedStarts >= maxStartCrashes) return `${failedStarts} starts in a row ended before the worker was ready`
  const recent = all.filter(({ at }) => now - at < MINUTE).length
  if (recent >= maxCrashesPerMinute) return `${recent} crashes within a minute`
  return undefined
}
