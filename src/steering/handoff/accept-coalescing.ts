// How long the primary waits before it accepts, so that more connections join those that are there. Network cards do
// the same with packets, for the same reason: what is accepted together travels in one message and wakes the worker
// once. Pure.

/** How long to wait, in milliseconds. A connection that took this much longer to set up would not be noticed. */
export const COALESCE_TIME = 0.5

/** While connections come at intervals below this, in milliseconds, more are expected. */
const BUSY_INTERVAL = 1

/** So many connections at a time are a good batch without waiting. */
const GOOD_BATCH = 32

/** After n waits in a row that brought no second connection, 2^n turns pass without a wait; n is at most this. */
const MAX_MISSES = 6

/** One decision per turn of the event loop. Times are milliseconds on the monotonic clock. */
export class AcceptCoalescing {
  #lastAt = -Infinity
  #lastCount = 0
  #isWaiting = false
  #misses = 0
  /** Turns that are left without a wait. */
  #skip = 0

  /** To be called when connections are there. @returns how long to wait before they are accepted, in milliseconds */
  before(now: number): number {
    const isBusy = now - this.#lastAt < BUSY_INTERVAL && this.#lastCount < GOOD_BATCH
    if (!isBusy) return 0
    if (this.#skip > 0) {
      this.#skip--
      return 0
    }
    this.#isWaiting = true
    return COALESCE_TIME
  }

  /** To be called when the connections were accepted. @param count - how many there were */
  after(now: number, count: number): void {
    if (this.#isWaiting) {
      // A single client that connects again and again only loses time by the wait.
      this.#misses = count > 1 ? 0 : Math.min(this.#misses + 1, MAX_MISSES)
      this.#skip = count > 1 ? 0 : 2 ** this.#misses
      this.#isWaiting = false
    }
    this.#lastAt = now
    this.#lastCount = count
  }
}
