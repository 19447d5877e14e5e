// When does a worker that ended start again? Pure: a history of exits goes in, a delay comes out.

/** One end of a worker process. Times in milliseconds on the monotonic clock. */
export interface Exit {
  at: number
  /** How long it had been ready; 0 if it never was. */
  served: number
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

/**
 * Milliseconds to wait: none after stable service, else `minDelay`, doubled with each further crash in the row up to
 * `maxDelay`.
 */
export function restartDelay(history: readonly Exit[], policy: BackoffPolicy): number {
  const crashes = crashesInRow(history, policy)
  if (crashes === 0) return 0
  return Math.min(policy.maxDelay, policy.minDelay * 2 ** Math.min(30, crashes - 1))
}
