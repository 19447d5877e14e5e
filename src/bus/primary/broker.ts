// The primary's part in the bus: passes each message on to the workers that listen to its channel, and keeps the
// counters. It reads the name of a message, never its body.
import { EndOfTurn } from '../../async/end-of-turn.ts'
import type { Logger } from '../../options/options.ts'
import type { WorkerChannel } from '../../ipc/channel.ts'
import { SubscriberQueue, type SubscriberQueueEvents } from './subscriber-queue.ts'
import { bytesOf } from '../frame-channel.ts'
import { isMessage, OP, readFrame, type FrameRecord } from '../frames.ts'

/** The members of a worker that are used here. */
interface WorkerProcess {
  readonly channel: WorkerChannel
  readonly id: number
  readonly pid: number
}

/** Counts of the bus in the primary, since it started. */
export interface BusBrokerStatus {
  /** Frames from workers; a frame holds all messages of one turn of a worker. */
  frames: number
  /** Messages that were queued for workers, one per message and worker. A queued message can still be dropped. */
  relayed: number
  /** Messages that were dropped because a worker was too slow. */
  dropped: number
  /** Counters that exist. */
  counters: number
  /**
   * The workers that use the bus: channels that they listen to, messages that wait for them, messages that were
   * dropped.
   */
  workers: { worker: number; pid: number; channels: number; queued: number; queuedBytes: number; dropped: number }[]
}

export class BusBroker {
  readonly #serialization: 'json' | 'advanced'
  readonly #processes: () => Iterable<WorkerProcess>
  readonly #queues = new Map<WorkerChannel, SubscriberQueue>()
  /** By channel of the bus: the queues of the workers that listen. */
  readonly #listeners = new Map<string, Set<SubscriberQueue>>()
  readonly #totals = new Map<string, number>()
  readonly #queueEvents: SubscriberQueueEvents
  /** Queues with something to send at the end of this turn. */
  readonly #touched = new Set<SubscriberQueue>()
  readonly #endOfTurn = new EndOfTurn(() => this.#flush())
  #frames = 0
  #relayed = 0
  /** Messages that were dropped for workers that have ended. */
  #dropped = 0

  /** @param serialization - of Node's channel to the workers @param processes - the workers that run now */
  constructor(serialization: 'json' | 'advanced', logger: Logger, processes: () => Iterable<WorkerProcess>) {
    this.#serialization = serialization
    this.#processes = processes
    this.#queueEvents = {
      total: (counter) => this.#totals.get(counter) ?? 0,
      slow: ({ channel }) => logger.warn('bus.slow', this.#fields(channel)),
      caughtUp: ({ channel, dropped }) => logger.info('bus.caught-up', { ...this.#fields(channel), dropped }),
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
    for (const record of readFrame(frame)) this.#handle(queue, record)
  }

  #handle(queue: SubscriberQueue, { op, name, body, whole }: FrameRecord): void {
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

  /** Sends the queue at the end of this turn, together with messages that other workers publish in this turn. */
  #touch(queue: SubscriberQueue): void {
    this.#touched.add(queue)
    this.#endOfTurn.schedule()
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

  #fields(channel: WorkerChannel): { worker: number | undefined; pid: number | undefined } {
    for (const { channel: other, id, pid } of this.#processes()) if (other === channel) return { worker: id, pid }
    return { worker: undefined, pid: channel.child.pid }
  }
}
