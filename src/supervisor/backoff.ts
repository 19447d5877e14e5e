// The delay before a worker that ended starts again. Pure: a history of exits goes in, a delay comes out.

/** One end of a worker process. Times in milliseconds on the monotonic clock. */
export interface Exit {
  at: number
  /** How long the process had been ready; 0 if it never was. */
  served: number
  /** Whether the process left by itself: its program closed the server, or exited with code 0. */
  left?: boolean
}

export interface BackoffPolicy {
  minDelay: number
  maxDelay: number
  stableAfter: number
}

/** The exits in a row, newest last, none of which followed a stable time of service. */
export function crashesInRow(history: readonly Exit[], { stableAfter }: Pick<BackoffPolicy, 'stableAfter'>): number {
  return history.length - 1 - history.findLastIndex(({ served }) => served >= stableAfter)
}

/** How much longer a delay may get by luck, so that workers that crash together do not come back together. */
const JITTER = 0.2

/**
 * Milliseconds to wait: none after stable service, else `minDelay`, doubled with each further crash in the row up to
 * `maxDelay`; a fifth longer at most by luck.
 *
 * @param luck - 0 to 1
 */
export function restartDelay(history: readonly Exit[], policy: BackoffPolicy, luck = 0): number {
  const crashes = crashesInRow(history, policy)
  if (crashes === 0) return 0
  const delay = policy.minDelay * 2 ** Math.min(30, crashes - 1)
  return Math.min(policy.maxDelay, delay * (1 + JITTER * luck))
}
