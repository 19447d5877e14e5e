// Carries messages through Redis. What one turn publishes on a channel travels as one message.
import { randomBytes } from 'node:crypto'
import { deferred, type Deferred } from '../async/deferred.ts'
import { describe, StickyError } from '../errors.ts'
import { workerSetup } from '../ipc/role.ts'
import { isMessage, readFrame } from './frames.ts'
import type { Carrier, CarrierEvents } from './hub.ts'
import { RecordQueue } from './record-queue.ts'
import { isRefusal, type RedisSource } from '../redis/client.ts'
import { RedisConnections } from '../redis/connections.ts'
import { RedisCounters } from './redis-counters.ts'

/** Bytes on their way to Redis, without its answer. */
const WINDOW = 1024 * 1024

/** Milliseconds between two attempts of a bus to connect, at most. */
const MAX_RETRY_DELAY = 500

/** Milliseconds until what waited is sent when Redis is back: twice as long as others may take to notice. */
const HOLD = 2 * MAX_RETRY_DELAY

/** Milliseconds that Redis has to take what waits when the bus is closed. */
const LAST_WORDS = 1_000

export interface RedisSettings {
  readonly source: RedisSource
  readonly sharded: boolean
  readonly prefix: string
  readonly maxBuffered: number
}

export class RedisCarrier implements Carrier {
  readonly kind = 'redis'
  readonly #settings: RedisSettings
  readonly #events: CarrierEvents
  readonly #queue = new RecordQueue()
  /** Stands before what this bus publishes, so that it knows its own again. */
  readonly #origin = randomBytes(8)
  readonly #counters: RedisCounters
  #opened: RedisConnections | undefined
  #lost = 0
  /** Whether the last message that Redis answered was one that it did not take. */
  #isRefused = false
  #isClosing = false
  /** Runs after Redis was away, until the others are likely to be back too: what is sent before they are, they miss. */
  #hold: NodeJS.Timeout | undefined
  /** For leave(): resolved once nothing waits for Redis. */
  #settled: Deferred<void> | undefined

  constructor(settings: RedisSettings, events: CarrierEvents) {
    this.#settings = settings
    this.#events = events
    const { adds } = events
    this.#counters = new RedisCounters({
      adds,
      key: (counter) => `${settings.prefix}:counter:${counter}`,
      value: (counter, total) => events.value(counter, total),
      refused: (reason) => this.#logger.error('bus.refused', { ...this.#named, reason }),
      accepted: (refusals) => this.#logger.info('bus.accepted', { ...this.#named, refusals }),
      changed: () => {
        this.flush()
        this.#settle()
      },
    })
  }

  get connected(): boolean {
    return this.#opened?.isUp === true
  }

  get waiting() {
    const { records: buffered, bytes: bufferedBytes } = this.#queue
    return { buffered, bufferedBytes, lost: this.#lost, missed: 0 }
  }

  send(record: Buffer): void {
    if (this.#queue.bytes + record.length <= this.#settings.maxBuffered) this.#queue.push(record)
    else this.#lost++
  }

  flush(): void {
    if (this.#queue.records === 0 && this.#counters.isIdle) return this.#settle()
    const connections = this.#open()
    if (connections.isDown) this.#counters.fail(new StickyError('HOLDFAST_BUS_AWAY', 'Redis is away'))
    if (!connections.isWritable) return
    this.#counters.flush(connections.publisher)
    if (this.#hold !== undefined) return
    while (connections.unanswered < WINDOW) {
      const next = this.#queue.take()
      if (next === undefined) break
      for (const [channel, records] of byChannel(next.frame)) this.#publish(connections, channel, records)
      this.#queue.sent()
    }
  }

  subscribe(channel: string): void {
    this.#open().subscribe(this.#name(channel))
  }

  unsubscribe(channel: string): void {
    this.#opened?.unsubscribe(this.#name(channel))
  }

  ready(): Promise<void> {
    return this.#open().ready()
  }

  read(counter: string): Promise<number> {
    return this.#counters.read(counter)
  }

  async leave(): Promise<void> {
    this.#isClosing = true
    const settled = (this.#settled = deferred())
    // Redis may not have been reached yet, or may be back in a moment.
    const timer = setTimeout(() => this.#settle(true), LAST_WORDS)
    this.#release()
    this.#settle()
    await settled.promise
    clearTimeout(timer)
    this.#lost += this.#queue.clear()
    this.#counters.close()
    this.#opened?.close()
  }

  get #isUnanswered(): boolean {
    return this.#opened !== undefined && this.#opened.unanswered > 0
  }

  get #logger() {
    return this.#events.runtime.logger
  }

  get #named() {
    return { kind: 'redis', worker: workerSetup()?.id }
  }

  #open(): RedisConnections {
    const { source, sharded } = this.#settings
    const named = this.#named
    const limits = { sharded, maxRetryDelay: MAX_RETRY_DELAY }
    this.#opened ??= new RedisConnections(source, limits, {
      message: (payload) => this.#take(payload),
      up: (isBack) => {
        this.#logger.info('bus.up', { ...named, lost: this.#lost })
        if (isBack && !this.#isClosing) this.#hold = setTimeout(() => this.#release(), HOLD)
        this.flush()
      },
      down: (reason) => {
        this.#logger.warn('bus.down', { ...named, reason })
        clearTimeout(this.#hold)
        this.#hold = undefined
        this.#counters.fail(new StickyError('HOLDFAST_BUS_AWAY', `Redis is away: ${reason}`))
      },
      refused: (_, reason) => this.#logger.error('bus.refused', { ...named, reason }),
    })
    return this.#opened
  }

  #release(): void {
    clearTimeout(this.#hold)
    this.#hold = undefined
    this.flush()
  }

  #publish(connections: RedisConnections, channel: string, records: Buffer[]): void {
    const payload = Buffer.concat([this.#origin, ...records])
    const answered = (refusal?: unknown): void => {
      const isRefused = isRefusal(refusal)
      if (isRefused && !this.#isRefused) {
        this.#logger.error('bus.refused', { ...this.#named, reason: describe(refusal) })
      }
      this.#isRefused = isRefused
      this.flush()
      this.#settle()
    }
    connections.publish(this.#name(channel), payload).then(
      () => answered(),
      (error: unknown) => {
        this.#lost += records.length
        answered(error)
      },
    )
  }

  #take(payload: Buffer): void {
    const { length } = this.#origin
    if (payload.subarray(0, length).equals(this.#origin)) return
    for (const record of readFrame(payload.subarray(length))) if (isMessage(record.op)) this.#events.message(record)
  }

  #settle(anyway = false): void {
    if (!anyway && (this.#queue.records > 0 || this.#isUnanswered || !this.#counters.isIdle)) return
    this.#settled?.resolve()
  }

  #name(channel: string): string {
    return `${this.#settings.prefix}:${channel}`
  }
}

/** In the order in which they were published. */
function byChannel(frame: Buffer): Map<string, Buffer[]> {
  const channels = new Map<string, Buffer[]>()
  for (const { name, whole } of readFrame(frame)) {
    const records = channels.get(name)
    if (records === undefined) channels.set(name, [whole])
    else records.push(whole)
  }
  return channels
}
