// When a worker has served long enough. Pure.

export interface RecyclePolicy {
  /** Milliseconds that a worker may live; Infinity for no bound. */
  maxAge: number
  /** Connections that a worker may take; Infinity for no bound. */
  maxServed: number
}

/** The share of a bound by which workers differ, so that they are not all replaced at the same time. */
const SPREAD = 0.2

/**
 * The reason to replace the worker, in words; undefined while it may go on.
 *
 * @param luck - 0 to 1, drawn once for each worker: the one with 0 is replaced first
 */
export function recycleComplaint(
  { age, served }: { age: number; served: number },
  { maxAge, maxServed }: RecyclePolicy,
  luck: number,
): string | undefined {
  const share = 1 - SPREAD + SPREAD * luck
  if (age >= maxAge * share) return `it is ${Math.round(age / 1000)} s old`
  if (served >= maxServed * share) return `it has served ${served} connections`
  return undefined
}
