// The messages that wait in the primary for one worker, up to a limit. One frame at a time is under way: Node's own
// queue for a process that does not read has no limit, so Node gets the next frame when it has written the one before.
import type { WorkerChannel } from '../../ipc/channel.ts'
import { encodeRecord, OP } from '../frames.ts'
import { frameToWorker } from '../frame-channel.ts'
import { RecordQueue } from '../record-queue.ts'

export interface SubscriberQueueEvents {
  /** @returns the total of a counter */
  total(counter: string): number
  /** The first message is dropped since the queue was empty. */
  slow(queue: SubscriberQueue): void
  /** The queue of a slow worker is empty again. */
  caughtUp(queue: SubscriberQueue): void
  /** The worker gets no messages until it joins again. */
  dismissed(queue: SubscriberQueue): void
}

export class SubscriberQueue {
  readonly channel: WorkerChannel
  /** Channels of the bus that the worker listens to. */
  readonly channels = new Set<string>()
  /** Messages that were dropped because the worker was too slow. */
  dropped = 0
  readonly #serialization: 'json' | 'advanced'
  readonly #events: SubscriberQueueEvents
  readonly #queue = new RecordQueue()
  /** By counter: the number of the worker's last read, or 0 when only an addition is answered. */
  readonly #answers = new Map<string, number>()
  #maxBuffered = 0
  #disconnectsSlow = false
  #isSending = false
  #isSlow = false
  /** Dropped messages that the worker does not know of yet. */
  #unreported = 0
  #isDismissed = false

  constructor(channel: WorkerChannel, serialization: 'json' | 'advanced', events: SubscriberQueueEvents) {
    this.channel = channel
    this.#serialization = serialization
    this.#events = events
  }

  get queued(): { messages: number; bytes: number } {
    return { messages: this.#queue.records, bytes: this.#queue.bytes }
  }

  /**
   * @param maxBuffered - bytes of messages that wait at most
   * @param disconnectsSlow - beyond that, dismiss the worker instead of dropping the oldest messages
   */
  join(maxBuffered: number, disconnectsSlow: boolean): void {
    this.#maxBuffered = maxBuffered
    this.#disconnectsSlow = disconnectsSlow
  }

  /** @param record - of a message @returns whether the record is queued now */
  push(record: Buffer): boolean {
    // There is never enough room for this record, so no other one is dropped for it.
    if (record.length > this.#maxBuffered) {
      this.#drop(1)
      return false
    }
    while (this.#queue.records > 0 && this.#queue.bytes + record.length > this.#maxBuffered) {
      if (this.#disconnectsSlow) {
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

  /** @param read - number of the worker's read; 0 for an addition */
  answer(counter: string, read: number): void {
    this.#answers.set(counter, Math.max(read, this.#answers.get(counter) ?? 0))
  }

  flush(): void {
    if (this.#isSending) return
    const next = this.#queue.take()
    const head = this.#head()
    if (next === undefined && head.length === 0) return this.#caughtUp()
    this.#isSending = true
    const frame =
      next === undefined ? Buffer.concat(head) : head.length === 0 ? next.frame : Buffer.concat([...head, next.frame])
    frameToWorker(this.channel.child, this.#serialization, frame, () => {
      this.#isSending = false
      this.#queue.sent()
      this.flush()
    })
  }

  #drop(messages: number): void {
    this.dropped += messages
    this.#unreported += messages
    if (!this.#isSlow) this.#events.slow(this)
    this.#isSlow = true
  }

  #caughtUp(): void {
    if (this.#isSlow) this.#events.caughtUp(this)
    this.#isSlow = false
  }

  /**
   * Records that travel before the messages and are never dropped: at most one per counter, and one for dropped
   * messages.
   */
  #head(): Buffer[] {
    const records: Buffer[] = []
    for (const [counter, read] of this.#answers) {
      const body = Buffer.alloc(12)
      body.writeUInt32LE(read)
      body.writeDoubleLE(this.#events.total(counter), 4)
      records.push(encodeRecord(OP.value, counter, body))
    }
    this.#answers.clear()
    if (this.#unreported > 0) {
      const body = Buffer.alloc(4)
      body.writeUInt32LE(this.#unreported >>> 0)
      records.push(encodeRecord(this.#isDismissed ? OP.dismissed : OP.missed, '', body))
    }
    this.#unreported = 0
    this.#isDismissed = false
    return records
  }
}
