// The primary's part in the bus: passes each message on to the workers that listen to its channel, and keeps the
// counters. It looks at what a record is about, never into it.
import type { ChildProcess } from 'node:child_process'
import { EndOfTurn } from '../../async/end-of-turn.ts'
import type { Logger } from '../../options/options.ts'
import { openForPrimary } from '../../ipc/messages.ts'
import { SubscriberQueue, type SubscriberQueueEvents } from './subscriber-queue.ts'
import { bytesOf } from '../frame-channel.ts'
import { isMessage, OP, readFrame, type FrameRecord } from '../frames.ts'

/** A worker, as far as it matters here. */
interface Process {
  readonly child: ChildProcess
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
  readonly #queues = new Map<ChildProcess, SubscriberQueue>()
  /** Who listens, by channel. */
  readonly #listeners = new Map<string, Set<SubscriberQueue>>()
  readonly #totals = new Map<string, number>()
  readonly #queueEvents: SubscriberQueueEvents
  readonly #touched = new Set<SubscriberQueue>()
  readonly #endOfTurn = new EndOfTurn(() => this.#flush())
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
      slow: ({ child }) => logger.warn('bus.slow', this.#name(child)),
      caughtUp: ({ child, dropped }) => logger.info('bus.caught-up', { ...this.#name(child), dropped }),
      dismissed: (queue) => this.#forget(queue),
    }
  }

  started(child: ChildProcess): void {
    child.on('message', (raw: unknown) => {
      const message = openForPrimary(raw)
      if (message?.type === 'bus') this.#received(child, bytesOf(message.frame))
    })
    child.once('close', () => {
      const queue = this.#queues.get(child)
      if (queue === undefined) return
      this.#forget(queue)
      this.#queues.delete(child)
      this.#touched.delete(queue)
      this.#dropped += queue.dropped
    })
  }

  status(): BusBrokerStatus {
    const workers = [...this.#processes()].flatMap(({ child, id, pid }) => {
      const queue = this.#queues.get(child)
      if (queue === undefined) return []
      const { channels, dropped, queued } = queue
      const waits = { queued: queued.messages, queuedBytes: queued.bytes }
      return [{ worker: id, pid, channels: channels.size, ...waits, dropped }]
    })
    const dropped = workers.reduce((sum, worker) => sum + worker.dropped, this.#dropped)
    return { frames: this.#frames, relayed: this.#relayed, dropped, counters: this.#totals.size, workers }
  }

  #received(child: ChildProcess, frame: Buffer): void {
    this.#frames++
    let queue = this.#queues.get(child)
    if (queue === undefined)
      this.#queues.set(child, (queue = new SubscriberQueue(child, this.#serialization, this.#queueEvents)))
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

  #name(child: ChildProcess): { worker: number | undefined; pid: number | undefined } {
    for (const { child: one, id, pid } of this.#processes()) if (one === child) return { worker: id, pid }
    return { worker: undefined, pid: child.pid }
  }
}
