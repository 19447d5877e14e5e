// Consistent hashing with bounded loads: how many connections one worker may have, and where the next client goes when
// its own worker has that many. Pure.
import { fingerprint32 } from './hash.ts'

/**
 * The number of connections at which a worker takes no new clients.
 *
 * @param factor - above 1: how far above the average load a worker may be
 * @param total - open connections of all workers, without the new one
 */
export function bound(factor: number, total: number, workers: number): number {
  return Math.ceil((factor * (total + 1)) / workers)
}

/**
 * The workers in the order in which one client tries them (rendezvous hashing). The order depends on the client, and
 * does not change when another worker joins or leaves.
 *
 * @param key - the client's affinity key
 */
export function preference(key: Buffer, workers: readonly number[]): number[] {
  return workers
    .toSorted((a, b) => a - b)
    .map((worker) => ({ worker, score: fingerprint32(Buffer.concat([key, Buffer.of(worker)])) }))
    .sort((a, b) => b.score - a.score)
    .map(({ worker }) => worker)
}

/**
 * The clients that go to another worker than the owner of their slot. An entry expires some time after the client's
 * last connection. A full table drops its oldest entry. Times are milliseconds.
 */
export class StickTable {
  readonly #entries = new Map<string, { worker: number; until: number }>()
  readonly #timeout: number
  readonly #maxEntries: number

  /** @param timeout - how long a client without connections keeps its entry */
  constructor(timeout: number, maxEntries = 10_000) {
    this.#timeout = timeout
    this.#maxEntries = maxEntries
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Returns the worker in the client's entry, and renews the entry.
   *
   * @param open - open connections of the client
   * @returns undefined when the client has no entry
   */
  workerOf(key: string, open: number, now: number): number | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (open === 0 && now >= entry.until) {
      this.#entries.delete(key)
      return undefined
    }
    this.put(key, entry.worker, now)
    return entry.worker
  }

  /** Adds or renews an entry; the map keeps the order of the last use. */
  put(key: string, worker: number, now: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { worker, until: now + this.#timeout })
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > this.#maxEntries && oldest !== undefined) this.#entries.delete(oldest)
  }
}
