// Carries messages through Redis. The messages of one turn on one channel travel as one message of Redis.
import { randomBytes } from 'node:crypto'
import { deferred, type Deferred } from '../async/deferred.ts'
import { describe, StickyError } from '../errors.ts'
import { workerSetup } from '../ipc/role.ts'
import { isRefusal, type RedisSource } from '../redis/client.ts'
import { RedisConnections } from '../redis/connections.ts'
import { isMessage, readFrame } from './frames.ts'
import type { Carrier, CarrierEvents } from './hub.ts'
import { RecordQueue } from './record-queue.ts'
import { RedisCounters } from './redis-counters.ts'

/** Bytes of publishes without an answer; more wait in the queue. */
const WINDOW = 1024 * 1024

/** Milliseconds between two attempts of a bus to connect, at most. */
const MAX_RETRY_DELAY = 500

/**
 * Milliseconds that the queue waits once Redis is back: twice as long as the other processes may take to connect again.
 */
const HOLD = 2 * MAX_RETRY_DELAY

/** Milliseconds that Redis has to take the queue when the bus is closed. */
const CLOSE_TIMEOUT = 1_000

export interface RedisSettings {
  readonly source: RedisSource
  readonly sharded: boolean
  /** Before the names of channels and counters. */
  readonly prefix: string
  /** Bytes of messages that wait at most. */
  readonly maxBuffered: number
}

export class RedisCarrier implements Carrier {
  readonly kind = 'redis'
  readonly #settings: RedisSettings
  readonly #events: CarrierEvents
  readonly #queue = new RecordQueue()
  /** The first bytes of each message of this bus: Redis sends it back, and it must not be delivered twice. */
  readonly #origin = randomBytes(8)
  readonly #counters: RedisCounters
  /** Undefined until the bus is used. */
  #opened: RedisConnections | undefined
  #lost = 0
  /** Whether Redis has refused the message that it answered last. */
  #isRefused = false
  #isClosing = false
  /** Runs while the queue waits for the other processes to connect again: they would miss what is sent earlier. */
  #hold: NodeJS.Timeout | undefined
  /** For leave(): resolved once nothing waits to be sent or for an answer. */
  #settled: Deferred<void> | undefined

  constructor(settings: RedisSettings, events: CarrierEvents) {
    this.#settings = settings
    this.#events = events
    const { additions } = events
    this.#counters = new RedisCounters({
      additions,
      key: (counter) => `${settings.prefix}:counter:${counter}`,
      value: (counter, total) => events.value(counter, total),
      refused: (reason) => this.#logger.error('bus.refused', { ...this.#fields, reason }),
      accepted: (refusals) => this.#logger.info('bus.accepted', { ...this.#fields, refusals }),
      changed: () => {
        this.flush()
        this.#settle()
      },
    })
  }

  get connected(): boolean {
    return this.#opened?.isUp === true
  }

  get counts() {
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
      for (const [channel, records] of byChannel(next.frame)) void this.#publish(connections, channel, records)
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
    // The first connection may not be up yet, or Redis may be back in a moment.
    const timer = setTimeout(() => settled.resolve(), CLOSE_TIMEOUT)
    this.#endHold()
    this.flush()
    this.#settle()
    await settled.promise
    clearTimeout(timer)
    this.#lost += this.#queue.clear()
    this.#counters.close()
    this.#opened?.close()
  }

  get #logger() {
    return this.#events.runtime.logger
  }

  /** Fields of each log line. */
  get #fields() {
    return { kind: 'redis', worker: workerSetup()?.id }
  }

  #open(): RedisConnections {
    const { source, sharded } = this.#settings
    const fields = this.#fields
    this.#opened ??= new RedisConnections(
      source,
      { sharded, maxRetryDelay: MAX_RETRY_DELAY },
      {
        message: (payload) => this.#receive(payload),
        up: (isBack) => {
          this.#logger.info('bus.up', { ...fields, lost: this.#lost })
          if (isBack && !this.#isClosing) this.#startHold()
          this.flush()
        },
        down: (reason) => {
          this.#logger.warn('bus.down', { ...fields, reason })
          this.#endHold()
          this.#counters.fail(new StickyError('HOLDFAST_BUS_AWAY', `Redis is away: ${reason}`))
        },
        refused: (_, reason) => this.#logger.error('bus.refused', { ...fields, reason }),
      },
    )
    return this.#opened
  }

  #startHold(): void {
    this.#hold = setTimeout(() => {
      this.#endHold()
      this.flush()
    }, HOLD)
  }

  #endHold(): void {
    clearTimeout(this.#hold)
    this.#hold = undefined
  }

  async #publish(connections: RedisConnections, channel: string, records: Buffer[]): Promise<void> {
    try {
      await connections.publish(this.#name(channel), Buffer.concat([this.#origin, ...records]))
      this.#isRefused = false
    } catch (error) {
      this.#lost += records.length
      const isRefused = isRefusal(error)
      if (isRefused && !this.#isRefused) {
        this.#logger.error('bus.refused', { ...this.#fields, reason: describe(error) })
      }
      this.#isRefused = isRefused
    }
    this.flush()
    this.#settle()
  }

  #receive(payload: Buffer): void {
    const { length } = this.#origin
    if (payload.subarray(0, length).equals(this.#origin)) return
    for (const record of readFrame(payload.subarray(length))) if (isMessage(record.op)) this.#events.message(record)
  }

  /** Ends leave() when nothing waits any more. */
  #settle(): void {
    const isUnanswered = this.#opened !== undefined && this.#opened.unanswered > 0
    if (this.#queue.records === 0 && !isUnanswered && this.#counters.isIdle) this.#settled?.resolve()
  }

  #name(channel: string): string {
    return `${this.#settings.prefix}:${channel}`
  }
}

/** The messages of a frame, each channel's in the order in which they were published. */
function byChannel(frame: Buffer): Map<string, Buffer[]> {
  const channels = new Map<string, Buffer[]>()
  for (const { name, whole } of readFrame(frame)) {
    const records = channels.get(name)
    if (records === undefined) channels.set(name, [whole])
    else records.push(whole)
  }
  return channels
}
