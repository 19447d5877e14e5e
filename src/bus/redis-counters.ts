// Counters at Redis. At most one command per counter is under way, and additions meanwhile travel together with the
// next one: so a Redis that hangs gets no more commands than there are counters.
import { deferred, type Deferred } from '../async/deferred.ts'
import { describe, StickyError } from '../errors.ts'
import { isRefusal, type RedisClient } from '../redis/client.ts'

/** Milliseconds until a read fails without an answer of Redis. */
const READ_TIMEOUT = 5_000

/** Milliseconds until an addition that Redis refused is sent again. */
const RETRY_DELAY = 1_000

export interface CounterEvents {
  /** By counter: additions that were not sent yet. */
  readonly additions: Map<string, number>
  /** @returns the counter's key at Redis */
  key(counter: string): string
  /** The total of a counter has arrived. */
  value(counter: string, total: number): void
  /** Redis has refused an addition; one event until it takes all of them again. */
  refused(reason: string): void
  /** Redis takes all additions again. @param refusals - since the event before */
  accepted(refusals: number): void
  /** An answer has arrived, or a refused addition can be sent again: calls for another `flush()`. */
  changed(): void
}

export class RedisCounters {
  readonly #events: CounterEvents
  /** By counter: reads that were not sent yet. */
  readonly #reads = new Map<string, Set<Deferred<number>>>()
  /** Counters with a command that Redis has not answered. */
  readonly #unanswered = new Set<string>()
  /** Counters with additions that Redis has refused. */
  readonly #refused = new Set<string>()
  /** Since Redis took all additions. */
  #refusals = 0
  #retry: NodeJS.Timeout | undefined

  constructor(events: CounterEvents) {
    this.#events = events
  }

  /** Whether nothing waits to be sent or for an answer. */
  get isIdle(): boolean {
    return this.#events.additions.size === 0 && this.#reads.size === 0 && this.#unanswered.size === 0
  }

  /** The next `flush()` sends the read. @throws StickyError HOLDFAST_BUS_AWAY */
  async read(counter: string): Promise<number> {
    const read = deferred<number>()
    const waiting = this.#reads.get(counter) ?? new Set()
    this.#reads.set(counter, waiting.add(read))
    const timer = setTimeout(
      () => read.reject(new StickyError('HOLDFAST_BUS_AWAY', 'Redis does not answer')),
      READ_TIMEOUT,
    )
    try {
      return await read.promise
    } finally {
      clearTimeout(timer)
      waiting.delete(read)
      if (waiting.size === 0 && this.#reads.get(counter) === waiting) this.#reads.delete(counter)
    }
  }

  /**
   * Sends all reads and additions but refused additions that wait for their next try; a read of the counter sends them.
   */
  flush(client: RedisClient): void {
    const isResting = (counter: string): boolean => this.#retry !== undefined && this.#refused.has(counter)
    for (const counter of [...this.#events.additions.keys(), ...this.#reads.keys()]) {
      if (this.#unanswered.has(counter) || (isResting(counter) && !this.#reads.has(counter))) continue
      void this.#send(client, counter)
    }
  }

  /** Ends the reads that were not sent yet. */
  fail(error: Error): void {
    for (const waiting of this.#reads.values()) for (const read of waiting) read.reject(error)
  }

  close(): void {
    clearTimeout(this.#retry)
    this.fail(new StickyError('HOLDFAST_BUS_AWAY', 'this bus is closed'))
  }

  async #send(client: RedisClient, counter: string): Promise<void> {
    const { additions } = this.#events
    const n = additions.get(counter)
    const reads = [...(this.#reads.get(counter) ?? [])]
    additions.delete(counter)
    this.#reads.delete(counter)
    this.#unanswered.add(counter)
    const key = this.#events.key(counter)
    try {
      const total = n === undefined ? Number((await client.get(key)) ?? 0) : await client.incrby(key, n)
      this.#events.value(counter, total)
      if (n !== undefined) this.#accepted(counter)
      for (const read of reads) read.resolve(total)
    } catch (error) {
      // Without a refusal the connection was lost before the answer: Redis may have added it, and must not do so twice.
      if (n !== undefined && isRefusal(error)) this.#putBack(counter, n, describe(error))
      const failure = new StickyError('HOLDFAST_BUS_AWAY', `Redis failed: ${describe(error)}`, error)
      for (const read of reads) read.reject(failure)
    }
    this.#unanswered.delete(counter)
    this.#events.changed()
  }

  #putBack(counter: string, n: number, reason: string): void {
    const { additions } = this.#events
    additions.set(counter, (additions.get(counter) ?? 0) + n)
    this.#refused.add(counter)
    if (this.#refusals++ === 0) this.#events.refused(reason)
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.#events.changed()
    }, RETRY_DELAY)
  }

  #accepted(counter: string): void {
    if (!this.#refused.delete(counter) || this.#refused.size > 0) return
    this.#events.accepted(this.#refusals)
    this.#refusals = 0
  }
}
