// The primary's end of one worker's bus: what waits for the worker, with a bound, and one frame at a time on its way.
// Node queues without a bound what a stopped process does not read, so no more is given to it than it has written.
import type { WorkerChannel } from '../../ipc/channel.ts'
import { encodeRecord, OP } from '../frames.ts'
import { frameToWorker } from '../frame-channel.ts'
import { RecordQueue } from '../record-queue.ts'

export interface SubscriberQueueEvents {
  /** The total of a counter. */
  total(counter: string): number
  /** More waits than may: the first message was dropped since the worker last kept up. */
  slow(queue: SubscriberQueue): void
  /** Everything is sent again. */
  caughtUp(queue: SubscriberQueue): void
  /** It is to get nothing more until it joins again. */
  dismissed(queue: SubscriberQueue): void
}

export class SubscriberQueue {
  readonly channel: WorkerChannel
  /** What the worker listens to. */
  readonly channels = new Set<string>()
  /** Messages that the worker did not get. */
  dropped = 0
  readonly #serialization: 'json' | 'advanced'
  readonly #events: SubscriberQueueEvents
  readonly #queue = new RecordQueue()
  /** By counter: the number of the worker's last question; 0 for none, it only has to hear the total. */
  readonly #answers = new Map<string, number>()
  #maxBuffered = 0
  #disconnects = false
  #sending = false
  #isSlow = false
  /** Dropped, and the worker was not told. */
  #untold = 0
  #isDismissed = false

  constructor(channel: WorkerChannel, serialization: 'json' | 'advanced', events: SubscriberQueueEvents) {
    this.channel = channel
    this.#serialization = serialization
    this.#events = events
  }

  get queued(): { messages: number; bytes: number } {
    return { messages: this.#queue.records, bytes: this.#queue.bytes }
  }

  /** @param disconnects - what to do when more would wait: dismiss the worker, or drop the oldest */
  join(maxBuffered: number, disconnects: boolean): void {
    this.#maxBuffered = maxBuffered
    this.#disconnects = disconnects
  }

  /** @returns whether it is among what waits now */
  push(record: Buffer): boolean {
    // It would make room for nothing: there is never enough.
    if (record.length > this.#maxBuffered) {
      this.#drop(1)
      return false
    }
    while (this.#queue.records > 0 && this.#queue.bytes + record.length > this.#maxBuffered) {
      if (this.#disconnects) {
        this.#drop(this.#queue.clear() + 1)
        this.#isDismissed = true
        this.#events.dismissed(this)
        return false
      }
      this.#queue.drop()
      this.#drop(1)
    }
    this.#queue.push(record)
    return true
  }

  answer(counter: string, question: number): void {
    this.#answers.set(counter, Math.max(question, this.#answers.get(counter) ?? 0))
  }

  flush(): void {
    if (this.#sending) return
    const next = this.#queue.take()
    const head = this.#head()
    if (next === undefined && head.length === 0) return this.#caughtUp()
    this.#sending = true
    const frame =
      next === undefined ? Buffer.concat(head) : head.length === 0 ? next.frame : Buffer.concat([...head, next.frame])
    frameToWorker(this.channel.child, this.#serialization, frame, () => {
      this.#sending = false
      this.#queue.sent()
      this.flush()
    })
  }

  #drop(messages: number): void {
    this.dropped += messages
    this.#untold += messages
    if (!this.#isSlow) this.#events.slow(this)
    this.#isSlow = true
  }

  #caughtUp(): void {
    if (this.#isSlow) this.#events.caughtUp(this)
    this.#isSlow = false
  }

  /** What goes before the messages, and is never dropped: there is at most one record of each kind and counter. */
  #head(): Buffer[] {
    const records: Buffer[] = []
    for (const [counter, question] of this.#answers) {
      const body = Buffer.alloc(12)
      body.writeUInt32LE(question)
      body.writeDoubleLE(this.#events.total(counter), 4)
      records.push(encodeRecord(OP.value, counter, body))
    }
    this.#answers.clear()
    if (this.#untold > 0) {
      const body = Buffer.alloc(4)
      body.writeUInt32LE(this.#untold >>> 0)
      records.push(encodeRecord(this.#isDismissed ? OP.dismissed : OP.missed, '', body))
    }
    this.#untold = 0
    this.#isDismissed = false
    return records
  }
}
