// Carries a worker's messages to its primary, in frames, and brings those of the others.
import { deferred, type Deferred } from '../async/deferred.ts'
import { StickyError } from '../errors.ts'
import { openForWorker, type WorkerSetup } from '../ipc/messages.ts'
import { bytesOf, frameToPrimary } from './frame-channel.ts'
import { encodeRecord, OP, readFrame, type FrameRecord } from './frames.ts'
import type { Carrier, CarrierEvents } from './hub.ts'
import { RecordQueue } from './record-queue.ts'

/** What the primary does when more waits for a worker than may. The place in this list is what it is told. */
export const SLOW = ['drop-oldest', 'disconnect'] as const

export interface IpcSettings {
  readonly maxBuffered: number
  readonly slow: (typeof SLOW)[number]
}

/** Somebody waits for the primary's answer. */
interface Question {
  name: string
  number: number
  total: Deferred<number>
}

export class IpcCarrier implements Carrier {
  readonly kind = 'ipc'
  readonly #setup: WorkerSetup
  readonly #settings: IpcSettings
  readonly #events: CarrierEvents
  readonly #queue = new RecordQueue()
  #questions: Question[] = []
  #number = 0
  #connected = process.connected
  /** One frame at a time: what comes meanwhile travels with the next one. */
  #sending = false
  #lost = 0
  #missed = 0
  /** For leave(): resolved once nothing waits. */
  #drained: Deferred<void> | undefined

  constructor(setup: WorkerSetup, settings: IpcSettings, events: CarrierEvents) {
    this.#setup = setup
    this.#settings = settings
    this.#events = events
    process.on('message', (raw: unknown) => {
      const message = openForWorker(raw)
      if (message?.type !== 'bus') return
      for (const record of readFrame(bytesOf(message.frame))) this.#take(record)
    })
    process.once('disconnect', () => this.#orphaned())
    this.#join()
  }

  get connected(): boolean {
    return this.#connected
  }

  get waiting() {
    const { messages: buffered, bytes: bufferedBytes } = this.#queue
    return { buffered, bufferedBytes, lost: this.#lost, missed: this.#missed }
  }

  send(record: Buffer): void {
    if (process.connected && this.#queue.bytes + record.length <= this.#settings.maxBuffered) this.#queue.push(record)
    else this.#lost++
  }

  flush(): void {
    if (this.#sending || !process.connected) return
    this.#takeAdds()
    const next = this.#queue.take()
    if (next === undefined) return this.#isDrained()
    this.#sending = true
    frameToPrimary(this.#setup.serialization, next.frame, () => {
      this.#sending = false
      this.#queue.sent()
      this.flush()
    })
  }

  subscribe(channel: string): void {
    this.#ask(OP.subscribe, channel)
  }

  unsubscribe(channel: string): void {
    this.#ask(OP.unsubscribe, channel)
  }

  async ready(): Promise<void> {
    try {
      await this.read('')
    } catch {
      // The primary is gone: nobody publishes any more, so nothing is missed.
    }
  }

  read(name: string): Promise<number> {
    if (!process.connected) return Promise.reject(new StickyError('HOLDFAST_BUS_AWAY', 'the primary is gone'))
    this.#takeAdds()
    const number = (this.#number = (this.#number + 1) >>> 0)
    const body = Buffer.alloc(4)
    body.writeUInt32LE(number)
    this.#ask(OP.read, name, body)
    const total = deferred<number>()
    this.#questions.push({ name, number, total })
    return total.promise
  }

  leave(): Promise<void> {
    const { promise } = (this.#drained ??= deferred())
    this.flush()
    if (!process.connected) this.#isDrained()
    return promise
  }

  /** What is no message is not much, and goes out even where nothing else may wait. */
  #ask(
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
    this.#ask(OP.join, '', body)
    for (const channel of this.#events.channels()) this.subscribe(channel)
  }

  #takeAdds(): void {
    const { adds } = this.#events
    for (const [counter, n] of adds) {
      const body = Buffer.alloc(8)
      body.writeDoubleLE(n)
      this.#ask(OP.add, counter, body)
    }
    adds.clear()
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
    const isAnswered = (question: Question): boolean => question.name === name && question.number <= number
    const answered = this.#questions.filter(isAnswered)
    this.#questions = this.#questions.filter((question) => !isAnswered(question))
    for (const question of answered) question.total.resolve(total)
  }

  /** The primary dropped what waited, and serves this process again when it asks to. */
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
      return // the primary has gone meanwhile, and that is said
    }
    this.#connected = true
    logger.info('bus.up', { ...named, lost: this.#lost, missed: this.#missed })
  }

  #orphaned(): void {
    this.#connected = false
    this.#lost += this.#queue.clear()
    for (const question of this.#questions.splice(0))
      question.total.reject(new StickyError('HOLDFAST_BUS_AWAY', 'the primary is gone'))
    this.#isDrained()
    const { isDraining, logger } = this.#events.runtime
    if (!isDraining) {
      logger.warn('bus.down', { kind: 'ipc', worker: this.#setup.id, reason: 'the primary is gone' })
    }
  }

  #isDrained(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }
}
