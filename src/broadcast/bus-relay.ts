// The primary's part in the bus: passes each message on to the workers that listen to its channel, and keeps the
// counters. It looks at what a record is about, never into it.
import type { ChildProcess } from 'node:child_process'
import type { Logger } from '../options.ts'
import { openForPrimary } from '../protocol.ts'
import { BusLine, type LineEvents } from './bus-line.ts'
import { bytesOf } from './frame-channel.ts'
import { isMessage, OP, readFrame, type FrameRecord } from './frames.ts'

/** A worker, as far as it matters here. */
interface Process {
  readonly child: ChildProcess
  readonly id: number
  readonly pid: number
}

/** What the primary has passed on between workers. Counts since it started. */
export interface BusRelayStatus {
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

export class BusRelay {
  readonly #serialization: 'json' | 'advanced'
  readonly #processes: () => Iterable<Process>
  readonly #lines = new Map<ChildProcess, BusLine>()
  /** Who listens, by channel. */
  readonly #listeners = new Map<string, Set<BusLine>>()
  readonly #totals = new Map<string, number>()
  readonly #lineEvents: LineEvents
  readonly #touched = new Set<BusLine>()
  #frames = 0
  #relayed = 0
  /** By workers that have ended. */
  #dropped = 0

  /** @param serialization - of Node's channel to the workers */
  constructor(serialization: 'json' | 'advanced', logger: Logger, processes: () => Iterable<Process>) {
    this.#serialization = serialization
    this.#processes = processes
    this.#lineEvents = {
      total: (counter) => this.#totals.get(counter) ?? 0,
      slow: ({ child }) => logger.warn('bus.slow', this.#name(child)),
      caughtUp: ({ child, dropped }) => logger.info('bus.caught-up', { ...this.#name(child), dropped }),
      dismissed: (line) => this.#forget(line),
    }
  }

  started(child: ChildProcess): void {
    child.on('message', (raw: unknown) => {
      const message = openForPrimary(raw)
      if (message?.type === 'bus') this.#received(child, bytesOf(message.frame))
    })
    child.once('close', () => {
      const line = this.#lines.get(child)
      if (line === undefined) return
      this.#forget(line)
      this.#lines.delete(child)
      this.#touched.delete(line)
      this.#dropped += line.dropped
    })
  }

  status(): BusRelayStatus {
    const workers = [...this.#processes()].flatMap(({ child, id, pid }) => {
      const line = this.#lines.get(child)
      if (line === undefined) return []
      const { channels, dropped, queued } = line
      const waits = { queued: queued.messages, queuedBytes: queued.bytes }
      return [{ worker: id, pid, channels: channels.size, ...waits, dropped }]
    })
    const dropped = workers.reduce((sum, worker) => sum + worker.dropped, this.#dropped)
    return { frames: this.#frames, relayed: this.#relayed, dropped, counters: this.#totals.size, workers }
  }

  #received(child: ChildProcess, frame: Buffer): void {
    this.#frames++
    let line = this.#lines.get(child)
    if (line === undefined) this.#lines.set(child, (line = new BusLine(child, this.#serialization, this.#lineEvents)))
    for (const record of readFrame(frame)) this.#take(line, record)
  }

  #take(line: BusLine, { op, name, body, whole }: FrameRecord): void {
    if (isMessage(op)) return this.#relay(line, name, whole)
    if (op === OP.join) line.join(body.readUInt32LE(), body[4] === 1)
    if (op === OP.subscribe) {
      line.channels.add(name)
      const others = this.#listeners.get(name)
      if (others === undefined) this.#listeners.set(name, new Set([line]))
      else others.add(line)
    }
    if (op === OP.unsubscribe) this.#unsubscribe(line, name)
    if (op === OP.add) this.#totals.set(name, (this.#totals.get(name) ?? 0) + body.readDoubleLE())
    if (op !== OP.add && op !== OP.read) return
    line.answer(name, op === OP.read ? body.readUInt32LE() : 0)
    this.#touch(line)
  }

  #relay(from: BusLine, channel: string, whole: Buffer): void {
    for (const line of this.#listeners.get(channel) ?? []) {
      if (line === from) continue
      if (line.push(whole)) this.#relayed++
      this.#touch(line)
    }
  }

  /** It is sent what waits for it at the end of this turn, when the frames of the other workers are here as well. */
  #touch(line: BusLine): void {
    if (this.#touched.size === 0) setImmediate(() => this.#flush())
    this.#touched.add(line)
  }

  #flush(): void {
    const touched = [...this.#touched]
    this.#touched.clear()
    for (const line of touched) line.flush()
  }

  #forget(line: BusLine): void {
    for (const channel of line.channels) this.#unsubscribe(line, channel)
  }

  #unsubscribe(line: BusLine, channel: string): void {
    line.channels.delete(channel)
    const listeners = this.#listeners.get(channel)
    listeners?.delete(line)
    if (listeners?.size === 0) this.#listeners.delete(channel)
  }

  #name(child: ChildProcess): { worker: number | undefined; pid: number | undefined } {
    for (const { child: one, id, pid } of this.#processes()) if (one === child) return { worker: id, pid }
    return { worker: undefined, pid: child.pid }
  }
}
