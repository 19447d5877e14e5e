// The primary's part in the bus: passes each message on to the workers that listen to its channel, and keeps the
// counters. It looks at what a record is about, never into it.
import type { Logger } from '../../options/options.ts'
import type { WorkerChannel } from '../../ipc/channel.ts'
import { SubscriberQueue, type SubscriberQueueEvents } from './subscriber-queue.ts'
import { bytesOf } from '../frame-channel.ts'
import { isMessage, OP, readFrame, type FrameRecord } from '../frames.ts'

/** A worker, as far as it matters here. */
interface Process {
  readonly channel: WorkerChannel
  readonly id: number
  readonly pid: number
}

/** What the primary has passed on between workers. Counts since it started. */
export interface BusBrokerStatus {
  /** Frames that came from workers; one holds all that a worker published in one turn. */
  frames: number
  /** Messages passed on, once for each worker that they were kept for; of those the oldest may be dropped still. */
  relayed: number
  /** Messages that a worker did not get because it was too slow. */
  dropped: number
  /** Counters that were used. */
  counters: number
  /** The workers that use the bus: what they listen to, what waits for them, what they did not get. */
  workers: { worker: number; pid: number; channels: number; queued: number; queuedBytes: number; dropped: number }[]
}

export class BusBroker {
  readonly #serialization: 'json' | 'advanced'
  readonly #processes: () => Iterable<Process>
  readonly #queues = new Map<WorkerChannel, SubscriberQueue>()
  /** Who listens, by channel. */
  readonly #listeners = new Map<string, Set<SubscriberQueue>>()
  readonly #totals = new Map<string, number>()
  readonly #queueEvents: SubscriberQueueEvents
  readonly #touched = new Set<SubscriberQueue>()
  #frames = 0
  #relayed = 0
  /** By workers that have ended. */
  #dropped = 0

  /** @param serialization - of Node's channel to the workers */
  constructor(serialization: 'json' | 'advanced', logger: Logger, processes: () => Iterable<Process>) {
    this.#serialization = serialization
    this.#processes = processes
    this.#queueEvents = {
      total: (counter) => this.#totals.get(counter) ?? 0,
      slow: ({ channel }) => logger.warn('bus.slow', this.#name(channel)),
      caughtUp: ({ channel, dropped }) => logger.info('bus.caught-up', { ...this.#name(channel), dropped }),
      dismissed: (queue) => this.#forget(queue),
    }
  }

  started(channel: WorkerChannel): void {
    channel.on('bus-frame', ({ frame }) => this.#received(channel, bytesOf(frame)))
  }

  /** The process has ended. */
  gone(channel: WorkerChannel): void {
    const queue = this.#queues.get(channel)
    if (queue === undefined) return
    this.#forget(queue)
    this.#queues.delete(channel)
    this.#touched.delete(queue)
    this.#dropped += queue.dropped
  }

  status(): BusBrokerStatus {
    const workers = [...this.#processes()].flatMap(({ channel, id, pid }) => {
      const queue = this.#queues.get(channel)
      if (queue === undefined) return []
      const { channels, dropped, queued } = queue
      const waits = { queued: queued.messages, queuedBytes: queued.bytes }
      return [{ worker: id, pid, channels: channels.size, ...waits, dropped }]
    })
    const dropped = workers.reduce((sum, worker) => sum + worker.dropped, this.#dropped)
    return { frames: this.#frames, relayed: this.#relayed, dropped, counters: this.#totals.size, workers }
  }

  #received(channel: WorkerChannel, frame: Buffer): void {
    this.#frames++
    let queue = this.#queues.get(channel)
    if (queue === undefined)
      this.#queues.set(channel, (queue = new SubscriberQueue(channel, this.#serialization, this.#queueEvents)))
    for (const record of readFrame(frame)) this.#take(queue, record)
  }

  #take(queue: SubscriberQueue, { op, name, body, whole }: FrameRecord): void {
    if (isMessage(op)) return this.#relay(queue, name, whole)
    if (op === OP.join) queue.join(body.readUInt32LE(), body[4] === 1)
    if (op === OP.subscribe) {
      queue.channels.add(name)
      const others = this.#listeners.get(name)
      if (others === undefined) this.#listeners.set(name, new Set([queue]))
      else others.add(queue)
    }
    if (op === OP.unsubscribe) this.#unsubscribe(queue, name)
    if (op === OP.add) this.#totals.set(name, (this.#totals.get(name) ?? 0) + body.readDoubleLE())
    if (op !== OP.add && op !== OP.read) return
    queue.answer(name, op === OP.read ? body.readUInt32LE() : 0)
    this.#touch(queue)
  }

  #relay(from: SubscriberQueue, channel: string, whole: Buffer): void {
    for (const queue of this.#listeners.get(channel) ?? []) {
      if (queue === from) continue
      if (queue.push(whole)) this.#relayed++
      this.#touch(queue)
    }
  }

  /** It is sent what waits for it at the end of this turn, when the frames of the other workers are here as well. */
  #touch(queue: SubscriberQueue): void {
    if (this.#touched.size === 0) setImmediate(() => this.#flush())
    this.#touched.add(queue)
  }

  #flush(): void {
    const touched = [...this.#touched]
    this.#touched.clear()
    for (const queue of touched) queue.flush()
  }

  #forget(queue: SubscriberQueue): void {
    for (const channel of queue.channels) this.#unsubscribe(queue, channel)
  }

  #unsubscribe(queue: SubscriberQueue, channel: string): void {
    queue.channels.delete(channel)
    const listeners = this.#listeners.get(channel)
    listeners?.delete(queue)
    if (listeners?.size === 0) this.#listeners.delete(channel)
  }

  #name(channel: WorkerChannel): { worker: number | undefined; pid: number | undefined } {
    for (const { channel: one, id, pid } of this.#processes()) if (one === channel) return { worker: id, pid }
    return { worker: undefined, pid: channel.child.pid }
  }
}
