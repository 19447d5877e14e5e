// Counters at Redis. Of each counter at most one command is on its way: what is added meanwhile travels together with the
// next one, so that a Redis that hangs is sent no more than that.
import { deferred, type Deferred } from '../async/deferred.ts'
import { describe, StickyError } from '../errors.ts'
import { isRefusal, type RedisClient } from '../redis/client.ts'

/** Milliseconds that somebody who asks waits for Redis. */
const PATIENCE = 5_000

/** Milliseconds until what Redis refused is sent again. */
const REST = 1_000

export interface CounterEvents {
  /** By counter: what is to be added and was not taken yet. */
  readonly adds: Map<string, number>
  key(counter: string): string
  value(counter: string, total: number): void
  /** Said once, until Redis takes everything again. */
  refused(reason: string): void
  /** @param times - that it has refused */
  accepted(times: number): void
  /** An answer has come, or it is time to send again. */
  changed(): void
}

export class RedisCounters {
  readonly #events: CounterEvents
  /** By counter: reads that were not sent to Redis yet. */
  readonly #reads = new Map<string, Set<Deferred<number>>>()
  readonly #onTheirWay = new Set<string>()
  /** What Redis refuses to count, though it is there. */
  readonly #refused = new Set<string>()
  /** Since it took everything. */
  #refusals = 0
  #rest: NodeJS.Timeout | undefined

  constructor(events: CounterEvents) {
    this.#events = events
  }

  /** Whether nothing waits, neither here nor for an answer. */
  get isIdle(): boolean {
    return this.#events.adds.size === 0 && this.#reads.size === 0 && this.#onTheirWay.size === 0
  }

  /** The read goes out with the next `flush()`. @throws StickyError HOLDFAST_BUS_AWAY */
  async read(counter: string): Promise<number> {
    const read = deferred<number>()
    const waiting = this.#reads.get(counter) ?? new Set()
    this.#reads.set(counter, waiting.add(read))
    const timer = setTimeout(() => read.reject(new StickyError('HOLDFAST_BUS_AWAY', 'Redis does not answer')), PATIENCE)
    try {
      return await read.promise
    } finally {
      clearTimeout(timer)
      waiting.delete(read)
      if (waiting.size === 0 && this.#reads.get(counter) === waiting) this.#reads.delete(counter)
    }
  }

  /** Sends what can be sent now. What was refused rests, unless somebody asks. */
  flush(client: RedisClient): void {
    const rests = (counter: string): boolean => this.#rest !== undefined && this.#refused.has(counter)
    for (const counter of [...this.#events.adds.keys(), ...this.#reads.keys()]) {
      if (this.#onTheirWay.has(counter) || (rests(counter) && !this.#reads.has(counter))) continue
      void this.#send(client, counter)
    }
  }

  /** Ends the reads that were not sent yet. */
  fail(error: Error): void {
    for (const waiting of this.#reads.values()) for (const read of waiting) read.reject(error)
  }

  close(): void {
    clearTimeout(this.#rest)
    this.fail(new StickyError('HOLDFAST_BUS_AWAY', 'this bus is closed'))
  }

  async #send(client: RedisClient, counter: string): Promise<void> {
    const { adds } = this.#events
    const n = adds.get(counter)
    const reads = [...(this.#reads.get(counter) ?? [])]
    adds.delete(counter)
    this.#reads.delete(counter)
    this.#onTheirWay.add(counter)
    const key = this.#events.key(counter)
    try {
      const total = n === undefined ? Number((await client.get(key)) ?? 0) : await client.incrby(key, n)
      this.#events.value(counter, total)
      if (n !== undefined) this.#accepted(counter)
      for (const read of reads) read.resolve(total)
    } catch (error) {
      // Else it was on its way when the connection broke: it may have been added, and must not be added twice.
      if (n !== undefined && isRefusal(error)) this.#putBack(counter, n, describe(error))
      const failure = new StickyError('HOLDFAST_BUS_AWAY', `Redis failed: ${describe(error)}`, error)
      for (const read of reads) read.reject(failure)
    }
    this.#onTheirWay.delete(counter)
    this.#events.changed()
  }

  #putBack(counter: string, n: number, reason: string): void {
    const { adds } = this.#events
    adds.set(counter, (adds.get(counter) ?? 0) + n)
    this.#refused.add(counter)
    if (this.#refusals++ === 0) this.#events.refused(reason)
    this.#rest ??= setTimeout(() => {
      this.#rest = undefined
      this.#events.changed()
    }, REST)
  }

  #accepted(counter: string): void {
    if (!this.#refused.delete(counter) || this.#refused.size > 0) return
    this.#events.accepted(this.#refusals)
    this.#refusals = 0
  }
}
