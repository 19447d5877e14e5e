// Counters at Redis. Of each counter at most one command is on its way: what is added meanwhile travels together with the
// next one, so that a Redis that hangs is sent no more than that.
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

interface Question {
  readonly answered: (total: number) => void
  readonly failed: (error: Error) => void
}

export class RedisCounters {
  readonly #events: CounterEvents
  /** Who asks, by counter, and was not sent to Redis yet. */
  readonly #questions = new Map<string, Set<Question>>()
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
    return this.#events.adds.size === 0 && this.#questions.size === 0 && this.#onTheirWay.size === 0
  }

  /** The question goes out with the next `flush()`. */
  read(counter: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const asked = this.#questions.get(counter) ?? new Set()
      this.#questions.set(counter, asked)
      const forget = (): void => {
        clearTimeout(timer)
        asked.delete(question)
        if (asked.size === 0 && this.#questions.get(counter) === asked) this.#questions.delete(counter)
      }
      const failed = (error: Error): void => {
        forget()
        reject(error)
      }
      const answered = (total: number): void => {
        forget()
        resolve(total)
      }
      const question = { answered, failed }
      const timer = setTimeout(() => failed(new StickyError('HOLDFAST_BUS_AWAY', 'Redis does not answer')), PATIENCE)
      asked.add(question)
    })
  }

  /** Sends what can be sent now. What was refused rests, unless somebody asks. */
  flush(client: RedisClient): void {
    const rests = (counter: string): boolean => this.#rest !== undefined && this.#refused.has(counter)
    for (const counter of [...this.#events.adds.keys(), ...this.#questions.keys()]) {
      if (this.#onTheirWay.has(counter) || (rests(counter) && !this.#questions.has(counter))) continue
      void this.#send(client, counter)
    }
  }

  /** Nobody can be asked now. */
  fail(error: Error): void {
    for (const asked of this.#questions.values()) for (const { failed } of asked) failed(error)
  }

  close(): void {
    clearTimeout(this.#rest)
    this.fail(new StickyError('HOLDFAST_BUS_AWAY', 'this bus is closed'))
  }

  async #send(client: RedisClient, counter: string): Promise<void> {
    const { adds } = this.#events
    const n = adds.get(counter)
    const asked = [...(this.#questions.get(counter) ?? [])]
    adds.delete(counter)
    this.#questions.delete(counter)
    this.#onTheirWay.add(counter)
    const key = this.#events.key(counter)
    try {
      const total = n === undefined ? Number((await client.get(key)) ?? 0) : await client.incrby(key, n)
      this.#events.value(counter, total)
      if (n !== undefined) this.#accepted(counter)
      for (const { answered } of asked) answered(total)
    } catch (error) {
      // Else it was on its way when the connection broke: it may have been added, and must not be added twice.
      if (n !== undefined && isRefusal(error)) this.#putBack(counter, n, describe(error))
      for (const { failed } of asked)
        failed(new StickyError('HOLDFAST_BUS_AWAY', `Redis failed: ${describe(error)}`, error))
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
