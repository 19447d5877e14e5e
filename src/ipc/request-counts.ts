// What a worker counts of the requests that it answers: whole numbers in a row, because they travel in every beat. Pure.

/** The places before the buckets. */
const NAMES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'aborted', 'upgrades', 'microseconds'] as const

type Name = (typeof NAMES)[number]

/** Upper bounds of the buckets of the histogram, in seconds; the last one has none. Those of Prometheus's own clients. */
export const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

/** Requests by the class of their status, and how long they took. */
export interface RequestStatus {
  answered: Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx', number>
  /** Whose client went away, or whose connection was cut, before the answer was complete. */
  aborted: number
  /** Requests to become something else, such as a WebSocket. */
  upgrades: number
  /** All of the answered ones together, from the request's head to the end of the answer. */
  seconds: number
  /** How many of the answered took at most so long (see {@link BUCKETS}), each without those of the former ones. */
  buckets: number[]
}

export function noCounts(): number[] {
  return Array.from({ length: NAMES.length + BUCKETS.length + 1 }, () => 0)
}

/** @param status - of the answer */
export function countAnswer(counts: number[], status: number, milliseconds: number): void {
  // The first class is at the first place.
  add(counts, Math.min(Math.max(Math.floor(status / 100), 1), 5) - 1)
  add(counts, placeOf('microseconds'), Math.round(milliseconds * 1_000))
  const bucket = BUCKETS.findIndex((bound) => milliseconds <= bound * 1_000)
  add(counts, NAMES.length + (bucket < 0 ? BUCKETS.length : bucket))
}

export function count(counts: number[], what: 'aborted' | 'upgrades'): void {
  add(counts, placeOf(what))
}

/** What has come since. @param before - of the same process */
export function addDifference(total: number[], before: readonly number[], now: readonly number[]): void {
  for (const place of total.keys()) add(total, place, (now[place] ?? 0) - (before[place] ?? 0))
}

export function requestStatus(counts: readonly number[]): RequestStatus {
  const of = (name: Name): number => counts[placeOf(name)] ?? 0
  return {
    answered: { '1xx': of('1xx'), '2xx': of('2xx'), '3xx': of('3xx'), '4xx': of('4xx'), '5xx': of('5xx') },
    aborted: of('aborted'),
    upgrades: of('upgrades'),
    seconds: of('microseconds') / 1e6,
    buckets: counts.slice(NAMES.length),
  }
}

function placeOf(name: Name): number {
  return NAMES.indexOf(name)
}

function add(counts: number[], place: number, more = 1): void {
  counts[place] = (counts[place] ?? 0) + more
}
