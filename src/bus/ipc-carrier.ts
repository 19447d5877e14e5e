// Carries messages between a worker and its primary, in frames.
import { deferred, type Deferred } from '../async/deferred.ts'
import { StickyError } from '../errors.ts'
import { primaryChannel } from '../ipc/channel.ts'
import type { WorkerSetup } from '../ipc/messages.ts'
import { bytesOf, frameToPrimary } from './frame-channel.ts'
import { encodeRecord, OP, readFrame, type FrameRecord } from './frames.ts'
import type { Carrier, CarrierEvents } from './hub.ts'
import { RecordQueue } from './record-queue.ts'

/** What the primary does with a worker that is too slow. An index of this list travels in a join record. */
export const SLOW = ['drop-oldest', 'disconnect'] as const

export interface IpcSettings {
  readonly maxBuffered: number
  readonly slow: (typeof SLOW)[number]
}

/** A read record that the primary has not answered yet. */
interface PendingRead {
  /** Of the counter; empty for a read that only waits for the records before it. */
  name: string
  /** Numbers rise, and an answer is for all reads of the counter up to its own number. */
  number: number
  total: Deferred<number>
}

export class IpcCarrier implements Carrier {
  readonly kind = 'ipc'
  readonly #setup: WorkerSetup
  readonly #settings: IpcSettings
  readonly #events: CarrierEvents
  readonly #queue = new RecordQueue()
  #reads: PendingRead[] = []
  #lastNumber = 0
  #connected = process.connected
  /** One frame at a time is under way; records that are queued meanwhile travel with the next one. */
  #isSending = false
  #lost = 0
  #missed = 0
  /** For leave(): resolved once the queue is empty. */
  #drained: Deferred<void> | undefined

  constructor(setup: WorkerSetup, settings: IpcSettings, events: CarrierEvents) {
    this.#setup = setup
    this.#settings = settings
    this.#events = events
    primaryChannel().on('bus-frame', ({ frame }) => {
      for (const record of readFrame(bytesOf(frame))) this.#take(record)
    })
    process.once('disconnect', () => this.#orphaned())
    this.#join()
  }

  get connected(): boolean {
    return this.#connected
  }

  get counts() {
    const { messages: buffered, bytes: bufferedBytes } = this.#queue
    return { buffered, bufferedBytes, lost: this.#lost, missed: this.#missed }
  }

  send(record: Buffer): void {
    if (process.connected && this.#queue.bytes + record.length <= this.#settings.maxBuffered) this.#queue.push(record)
    else this.#lost++
  }

  flush(): void {
    if (this.#isSending || !process.connected) return
    this.#queueAdditions()
    const next = this.#queue.take()
    if (next === undefined) return this.#settleLeave()
    this.#isSending = true
    frameToPrimary(this.#setup.serialization, next.frame, () => {
      this.#isSending = false
      this.#queue.sent()
      this.flush()
    })
  }

  subscribe(channel: string): void {
    this.#queueRecord(OP.subscribe, channel)
  }

  unsubscribe(channel: string): void {
    this.#queueRecord(OP.unsubscribe, channel)
  }

  async ready(): Promise<void> {
    try {
      await this.read('')
    } catch {
      // Without the primary no other process publishes any more, so no message can be missed.
    }
  }

  read(name: string): Promise<number> {
    if (!process.connected) return Promise.reject(new StickyError('HOLDFAST_BUS_AWAY', 'the primary is gone'))
    this.#queueAdditions()
    const number = (this.#lastNumber = (this.#lastNumber + 1) >>> 0)
    const body = Buffer.alloc(4)
    body.writeUInt32LE(number)
    this.#queueRecord(OP.read, name, body)
    const total = deferred<number>()
    this.#reads.push({ name, number, total })
    return total.promise
  }

  leave(): Promise<void> {
    const { promise } = (this.#drained ??= deferred())
    this.flush()
    if (!process.connected) this.#settleLeave()
    return promise
  }

  /** Records that are no messages are few and small, so they have no limit. */
  #queueRecord(
    op: typeof OP.join | typeof OP.subscribe | typeof OP.unsubscribe | typeof OP.add | typeof OP.read,
    name: string,
    body?: Buffer,
  ): void {
    if (process.connected) this.#queue.push(encodeRecord(op, name, body))
  }

  #join(): void {
    const { maxBuffered, slow } = this.#settings
    const body = Buffer.alloc(5)
    body.writeUInt32LE(maxBuffered)
    body[4] = SLOW.indexOf(slow)
    this.#queueRecord(OP.join, '', body)
    for (const channel of this.#events.channels()) this.subscribe(channel)
  }

  #queueAdditions(): void {
    const { additions } = this.#events
    for (const [counter, n] of additions) {
      const body = Buffer.alloc(8)
      body.writeDoubleLE(n)
      this.#queueRecord(OP.add, counter, body)
    }
    additions.clear()
  }

  #take(record: FrameRecord): void {
    const { op, name, body } = record
    if (op === OP.value) this.#answer(name, body.readUInt32LE(), body.readDoubleLE(4))
    else if (op === OP.missed) this.#missed += body.readUInt32LE()
    else if (op === OP.dismissed) void this.#rejoin(body.readUInt32LE())
    else this.#events.message(record)
  }

  #answer(name: string, number: number, total: number): void {
    if (name !== '') this.#events.value(name, total)
    const isAnswered = (read: PendingRead): boolean => read.name === name && read.number <= number
    const answered = this.#reads.filter(isAnswered)
    this.#reads = this.#reads.filter((read) => !isAnswered(read))
    for (const read of answered) read.total.resolve(total)
  }

  /** The primary has dropped all messages for this worker, and sends new ones when the worker joins again. */
  async #rejoin(missed: number): Promise<void> {
    const { logger } = this.#events.runtime
    const named = { kind: 'ipc', worker: this.#setup.id }
    this.#missed += missed
    this.#connected = false
    logger.warn('bus.down', { ...named, reason: 'too much waited for this worker', missed })
    this.#join()
    const joined = this.read('')
    this.flush()
    try {
      await joined
    } catch {
      return // the primary has ended meanwhile, and #orphaned() has logged that
    }
    this.#connected = true
    logger.info('bus.up', { ...named, lost: this.#lost, missed: this.#missed })
  }

  #orphaned(): void {
    this.#connected = false
    this.#lost += this.#queue.clear()
    const failure = new StickyError('HOLDFAST_BUS_AWAY', 'the primary is gone')
    for (const read of this.#reads.splice(0)) read.total.reject(failure)
    this.#settleLeave()
    const { isDraining, logger } = this.#events.runtime
    if (!isDraining) {
      logger.warn('bus.down', { kind: 'ipc', worker: this.#setup.id, reason: 'the primary is gone' })
    }
  }

  #settleLeave(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }
}
