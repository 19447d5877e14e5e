// When has a worker served long enough? Pure.

export interface RecyclePolicy {
  /** Milliseconds; Infinity for ever. */
  maxAge: number
  /** Connections; Infinity for any number. */
  maxServed: number
}

/** The share of a bound by which workers differ, so that they do not all go at the same time. */
const SPREAD = 0.2

/**
 * Why the worker should be replaced by a fresh one, in words; undefined while it may go on.
 *
 * @param luck - 0 to 1, drawn once for each worker: 0 goes first
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
