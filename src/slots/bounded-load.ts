// Bounded load: how much one worker may have, and who is next for a client whose worker has that much. Pure.
import { fingerprint32 } from './hash.ts'

/**
 * The most connections a worker may have while a new client still goes there (consistent hashing with bounded loads).
 *
 * @param factor - above 1: how far above the average
 * @param total - connections open over all workers, without the new one
 */
export function bound(factor: number, total: number, workers: number): number {
  return Math.ceil((factor * (total + 1)) / workers)
}

/**
 * Workers in the order in which a client would try them: its own order, which does not change when others come or go.
 *
 * @param key - of the client
 */
export function preference(key: Buffer, workers: readonly number[]): number[] {
  return workers
    .toSorted((a, b) => a - b)
    .map((worker) => ({ worker, score: fingerprint32(Buffer.concat([key, Buffer.of(worker)])) }))
    .sort((a, b) => b.score - a.score)
    .map(({ worker }) => worker)
}

/** Clients that are away from their own worker, and until when; of too many the oldest are forgotten. Times in ms. */
export class StickTable {
  readonly #places = new Map<string, { worker: number; until: number }>()
  readonly #cap: number
  readonly #stay: number

  /** @param stay - how long a client without connections keeps its place */
  constructor(stay: number, cap = 10_000) {
    this.#stay = stay
    this.#cap = cap
  }

  get size(): number {
    return this.#places.size
  }

  /** Where the client is a guest. @param open - connections it has */
  placeOf(key: string, open: number, now: number): number | undefined {
    const place = this.#places.get(key)
    if (place === undefined) return undefined
    if (open === 0 && now >= place.until) {
      this.#places.delete(key)
      return undefined
    }
    this.put(key, place.worker, now)
    return place.worker
  }

  /** It goes there from now on; also: it was there just now. */
  put(key: string, worker: number, now: number): void {
    this.#places.delete(key)
    this.#places.set(key, { worker, until: now + this.#stay })
    const [oldest] = this.#places.keys()
    if (this.#places.size > this.#cap && oldest !== undefined) this.#places.delete(oldest)
  }
}
