// Node's IPC channel between primary and worker: each message is decoded once and goes to the
// one handler of its type. docs/architecture.md lists which part handles which type.
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
 * Handles a message.
 *
 * @param message - decoded and checked
 * @param envelope - as it was sent, with the metadata of a connection
 * @param handle - the handle sent along; undefined or null if there was none, or if this process had no free descriptor
 */
export type Handler<M> = (message: M, envelope: Envelope<unknown>, handle: unknown) => void

type OfType<M extends { type: string }, T extends M['type']> = Extract<M, { type: T }>

/** The handlers of one end of a channel, by the type of the message. */
class Handlers<M extends { type: string }> {
  readonly #byType = new Map<string, Handler<never>>()

  /** @returns a function that removes the handler */
  add<T extends M['type']>(type: T, handler: Handler<OfType<M, T>>): () => void {
    if (this.#byType.has(type)) throw new Error(`messages of type '${type}' have a handler already`)
    this.#byType.set(type, handler)
    return () => {
      if (this.#byType.get(type) === handler) this.#byType.delete(type)
    }
  }

  /** Does nothing where the type has no handler: this end does not need the message now. */
  call(message: M, envelope: Envelope<unknown>, handle: unknown): void {
    const handler = this.#byType.get(message.type) as Handler<M> | undefined
    handler?.(message, envelope, handle)
  }
}

export interface WorkerChannelEvents {
  /** Any message has come, so the worker lives. Called before the handler. */
  onReceived?(): void
  /** A message of Holdfast's with an unknown type or with wrong fields has come. */
  onUnknown?(): void
  /** A message of another library or of the application has come. */
  onForeign?(message: unknown): void
}

/** The primary's end of the channel to one worker process. */
export class WorkerChannel {
  readonly child: ChildProcess
  readonly #handlers = new Handlers<ToPrimary>()

  constructor(child: ChildProcess, events: WorkerChannelEvents = {}) {
    this.child = child
    child.on('internalMessage', (raw: unknown, handle: unknown) => {
      if (!isEnvelope(raw)) return
      events.onReceived?.()
      const message = decodeForPrimary(raw)
      if (message === undefined) events.onUnknown?.()
      else this.#handlers.call(message, raw, handle)
    })
    child.on('message', (raw: unknown) => {
      events.onReceived?.()
      events.onForeign?.(raw)
    })
  }

  /** Whether the channel is open, so that messages can be sent. */
  get connected(): boolean {
    return this.child.connected
  }

  /** Sends a message. Does nothing when the channel is closed. */
  send(message: ToWorker): void {
    sendToWorker(this.child, message)
  }

  /**
   * Handles all messages of that type from now on.
   *
   * @returns a function that removes the handler
   * @throws Error where the type has a handler already
   */
  on<T extends ToPrimary['type']>(type: T, handler: Handler<OfType<ToPrimary, T>>): () => void {
    return this.#handlers.add(type, handler)
  }
}

/**
 * Handles a connection that came over the channel itself.
 *
 * @param seq - sequence number of the connection, a uint32
 * @param handle - undefined or null where this process had no descriptor left for it
 */
export type ConnectionHandler = (seq: number, envelope: Envelope<unknown>, handle: unknown) => void

/** A worker's end of the channel to its primary. */
export class PrimaryChannel {
  readonly #handlers = new Handlers<ToWorker>()
  /** Handles connections, where they come over this channel. */
  onConnection: ConnectionHandler | undefined
  /** A message of Holdfast's with an unknown type or with wrong fields has come. */
  onUnknown: (() => void) | undefined

  constructor(source: NodeJS.EventEmitter) {
    source.on('internalMessage', (raw: unknown, handle: unknown) => {
      if (!isEnvelope(raw)) return
      // The most frequent message is the cheapest one: a bare number.
      if (typeof raw.holdfast === 'number') return this.onConnection?.(raw.holdfast, raw, handle)
      const message = decodeForWorker(raw)
      if (message === undefined) this.onUnknown?.()
      else this.#handlers.call(message, raw, handle)
    })
  }

  /**
   * Handles all messages of that type from now on.
   *
   * @returns a function that removes the handler
   * @throws Error where the type has a handler already
   */
  on<T extends ToWorker['type']>(type: T, handler: Handler<OfType<ToWorker, T>>): () => void {
    return this.#handlers.add(type, handler)
  }
}

let opened: PrimaryChannel | undefined

/**
 * This process's end of the channel to its primary. It listens from the first call on. Messages that come before are lost:
 * the primary sends none that a worker has not asked for, and waits for `ready` otherwise.
 */
export function primaryChannel(): PrimaryChannel {
  return (opened ??= new PrimaryChannel(process))
}
