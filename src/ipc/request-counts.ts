// The requests that a worker has answered, as a row of whole numbers: heartbeats carry it. Pure.

/** What the first numbers of the row count. The buckets of the histogram follow. */
const NAMES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'aborted', 'upgrades', 'microseconds'] as const

type Name = (typeof NAMES)[number]

/**
 * Upper bounds of the histogram's buckets, in seconds, as in Prometheus's own clients. One more bucket has no bound.
 */
export const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

/** Requests by class of status, and how long they took. */
export interface RequestStatus {
  /** Requests that were answered completely, by class of status. */
  answered: Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx', number>
  /** Requests without a complete answer, because the connection ended. */
  aborted: number
  /** Requests to change the protocol, to WebSocket for example. */
  upgrades: number
  /** Seconds that all answered requests took together, each from its head to the end of the answer. */
  seconds: number
  /** Answered requests by duration, one number for each of {@link BUCKETS} and one for longer ones. Not cumulative. */
  buckets: number[]
}

/** A row of zeros. */
export function noCounts(): number[] {
  return Array.from({ length: NAMES.length + BUCKETS.length + 1 }, () => 0)
}

/** Counts an answered request. @param status - HTTP status of the answer */
export function countAnswer(counts: number[], status: number, milliseconds: number): void {
  // The classes are the first numbers of the row.
  add(counts, Math.min(Math.max(Math.floor(status / 100), 1), 5) - 1)
  add(counts, indexOf('microseconds'), Math.round(milliseconds * 1_000))
  const bucket = BUCKETS.findIndex((bound) => milliseconds <= bound * 1_000)
  add(counts, NAMES.length + (bucket < 0 ? BUCKETS.length : bucket))
}

/** Counts a request that has no answer. */
export function count(counts: number[], what: 'aborted' | 'upgrades'): void {
  add(counts, indexOf(what))
}

/** Adds to `total` what was counted between two rows of the same process. */
export function addDifference(total: number[], before: readonly number[], now: readonly number[]): void {
  for (const index of total.keys()) add(total, index, (now[index] ?? 0) - (before[index] ?? 0))
}

/** The row as an object with names. */
export function requestStatus(counts: readonly number[]): RequestStatus {
  const of = (name: Name): number => counts[indexOf(name)] ?? 0
  return {
    answered: { '1xx': of('1xx'), '2xx': of('2xx'), '3xx': of('3xx'), '4xx': of('4xx'), '5xx': of('5xx') },
    aborted: of('aborted'),
    upgrades: of('upgrades'),
    seconds: of('microseconds') / 1e6,
    buckets: counts.slice(NAMES.length),
  }
}

function indexOf(name: Name): number {
  return NAMES.indexOf(name)
}

function add(counts: number[], index: number, more = 1): void {
  counts[index] = (counts[index] ?? 0) + more
}
