// Node's IPC channel between primary and worker, as a receiver sees it: each message is decoded once and goes to the one
// handler of its type. docs/architecture.md lists which part handles which type.
import type { ChildProcess } from 'node:child_process'
import {
  decodeForPrimary,
  decodeForWorker,
  isEnvelope,
  type Envelope,
  type ToPrimary,
  type ToWorker,
} from './messages.ts'
import { sendToWorker } from './send.ts'

/**
 * @param message - decoded and checked
 * @param envelope - as it was sent, with the metadata of a connection
 * @param handle - Node's handle that travelled with the message; undefined or null where there was none, or no descriptor
 *   was left for it
 */
export type Handler<M> = (message: M, envelope: Envelope<unknown>, handle: unknown) => void

type OfType<M extends { type: string }, T extends M['type']> = Extract<M, { type: T }>

/** The handlers of one end of a channel, by the type of the message. */
class Handlers<M extends { type: string }> {
  readonly #byType = new Map<string, Handler<never>>()

  /** @returns removes the handler */
  add<T extends M['type']>(type: T, handler: Handler<OfType<M, T>>): () => void {
    if (this.#byType.has(type)) throw new Error(`messages of type '${type}' have a handler already`)
    this.#byType.set(type, handler)
    return () => {
      if (this.#byType.get(type) === handler) this.#byType.delete(type)
    }
  }

  /** A type without a handler is left alone: this end has no use for it now. */
  call(message: M, envelope: Envelope<unknown>, handle: unknown): void {
    const handler = this.#byType.get(message.type) as Handler<M> | undefined
    handler?.(message, envelope, handle)
  }
}

export interface WorkerChannelEvents {
  /** Anything came from the worker: it lives. Called before the handler. */
  received?(): void
  /** A message of Holdfast's that this version does not know, or with wrong fields. */
  unknown?(): void
  /** A message of another library or of the application. */
  foreign?(message: unknown): void
}

/** The primary's end of the channel to one worker process. */
export class WorkerChannel {
  readonly child: ChildProcess
  readonly #handlers = new Handlers<ToPrimary>()

  constructor(child: ChildProcess, events: WorkerChannelEvents = {}) {
    this.child = child
    child.on('message', (raw: unknown, handle: unknown) => {
      events.received?.()
      const message = decodeForPrimary(raw)
      if (message !== undefined) this.#handlers.call(message, raw as Envelope<unknown>, handle)
      else if (isEnvelope(raw)) events.unknown?.()
      else events.foreign?.(raw)
    })
  }

  /** Whether messages can be sent. */
  get connected(): boolean {
    return this.child.connected
  }

  /** Sends a message; nothing happens once the channel is closed. */
  send(message: ToWorker): void {
    sendToWorker(this.child, message)
  }

  /**
   * Handles all messages of that type from now on.
   *
   * @returns removes the handler
   * @throws Error where the type has a handler already
   */
  on<T extends ToPrimary['type']>(type: T, handler: Handler<OfType<ToPrimary, T>>): () => void {
    return this.#handlers.add(type, handler)
  }
}

/** A connection that came over the channel itself: its number and, unless no descriptor was left, its handle. */
export type ConnectionHandler = (seq: number, envelope: Envelope<unknown>, handle: unknown) => void

/** A worker's end of the channel to its primary. */
export class PrimaryChannel {
  readonly #handlers = new Handlers<ToWorker>()
  /** Handles the connections of the transport over this channel. */
  onConnection: ConnectionHandler | undefined
  /** Called at a message of Holdfast's that this version does not know, or with wrong fields. */
  onUnknown: (() => void) | undefined

  constructor(source: NodeJS.EventEmitter) {
    source.on('message', (raw: unknown, handle: unknown) => {
      if (!isEnvelope(raw)) return
      // The most frequent message, and the cheapest: a bare number.
      if (typeof raw.holdfast === 'number') return this.onConnection?.(raw.holdfast, raw, handle)
      const message = decodeForWorker(raw)
      if (message === undefined) this.onUnknown?.()
      else this.#handlers.call(message, raw, handle)
    })
  }

  /**
   * Handles all messages of that type from now on.
   *
   * @returns removes the handler
   * @throws Error where the type has a handler already
   */
  on<T extends ToWorker['type']>(type: T, handler: Handler<OfType<ToWorker, T>>): () => void {
    return this.#handlers.add(type, handler)
  }
}

let opened: PrimaryChannel | undefined

/**
 * This process's end of the channel to its primary. It listens from the first call on; Node keeps what comes before a
 * program listens for the first time.
 */
export function primaryChannel(): PrimaryChannel {
  return (opened ??= new PrimaryChannel(process))
}
