// How long a primary lets connections gather before it takes them: as network cards do with packets, and for the same
// reason. Those that are taken together travel in one message, and wake their worker once.

/** Milliseconds; of a connection that took longer to set up nobody would notice it. */
export const COALESCE_TIME = 0.5

/** Milliseconds since connections came last, below which more are expected. */
const BUSY = 1

/** So many at a time are a good batch without waiting. */
const ENOUGH = 32

/** At most so many turns are let pass, as a power of two, where waiting brings nobody. */
const MAX_MISSES = 6

/** A decision per turn of the loop; times in milliseconds. */
export class AcceptCoalescing {
  #lastAt = -Infinity
  #lastCount = 0
  #waits = false
  #misses = 0
  #skip = 0

  /** Connections are there. @returns how long to wait before they are taken, for others to join them */
  before(now: number): number {
    const isBusy = now - this.#lastAt < BUSY && this.#lastCount < ENOUGH
    if (!isBusy) return 0
    if (this.#skip > 0) {
      this.#skip--
      return 0
    }
    this.#waits = true
    return COALESCE_TIME
  }

  /** So many were taken. */
  after(now: number, count: number): void {
    if (this.#waits) {
      // One client that connects again and again is only kept by waiting.
      this.#misses = count > 1 ? 0 : Math.min(this.#misses + 1, MAX_MISSES)
      this.#skip = count > 1 ? 0 : 2 ** this.#misses
      this.#waits = false
    }
    this.#lastAt = now
    this.#lastCount = count
  }
}
