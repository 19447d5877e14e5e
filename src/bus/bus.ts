// What every bus offers, local, through the primary or through Redis: messages on named channels, to all processes that
// listen.

/** What JSON can express. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * A message. It arrives as the kind that was published: bytes as a Buffer, a string as a string, anything else as the
 * value that JSON makes of it. No listener gets the publisher's own object; the listeners of one process share one
 * value, so they must not change it.
 */
export type BusMessage = Uint8Array | Json

export type BusKind = 'local' | 'ipc' | 'redis'

export type BusListener = (message: BusMessage, channel: string) => void

/** The state of a bus. Counts are of messages, since this bus was made. */
export interface BusStatus {
  kind: BusKind
  /** Whether messages reach the other processes now. */
  connected: boolean
  /** Messages that were published on this bus. */
  published: number
  /** Calls of listeners of this bus: one per message and listener. */
  delivered: number
  /** Messages of this process that wait to leave it. */
  buffered: number
  bufferedBytes: number
  /**
   * Messages of this process that the other processes did not get, because too many waited or a connection was lost.
   */
  lost: number
  /** Messages for this process that were dropped because it was too slow. */
  missed: number
  /** Channels that have a listener in this process. */
  channels: number
}

/** A number that all processes share. */
export interface Counter {
  /**
   * Adds an integer; the additions of one turn travel together.
   *
   * @param n - a safe integer, positive or negative; 1 by default
   * @throws TypeError with code HOLDFAST_BAD_OPTION for any other value
   */
  add(n?: number): void
  /**
   * Reads the total, which includes all additions of this process so far.
   *
   * @throws StickyError HOLDFAST_BUS_AWAY when the primary or Redis cannot be reached now, Redis does not answer for
   *   5 seconds, or this bus is closed
   */
  read(): Promise<number>
  /** The last total that arrived: with each `read()`, and a little after each `add()` of this process. */
  readonly value: number
}

export interface Bus extends AsyncDisposable {
  /** local: this process only. ipc: through the primary. redis: through Redis. */
  readonly kind: BusKind
  /** Why this kind. */
  readonly reason: string
  /**
   * Sends a message to all listeners of the channel, those of this process included. Messages of this process on one
   * channel arrive in their order everywhere. The method returns at once and throws no error of the way: see
   * `status()`.
   *
   * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION when the message or the channel cannot be sent
   */
  publish(channel: string, message: BusMessage): void
  /**
   * @returns ends the subscription; the listener is not called any more
   * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION for a wrong channel or listener
   */
  subscribe(channel: string, listener: BusListener): () => void
  /**
   * Resolves when all subscriptions so far are in effect, so that no message is missed that another process publishes
   * after that. While Redis is away, that is when it is back; once this bus is closed or the primary has ended, it is
   * at once.
   */
  ready(): Promise<void>
  /** @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION for a wrong name */
  counter(name: string): Counter
  status(): BusStatus
  /**
   * Ends the subscriptions of this bus. Resolves when all messages have left the process, or cannot leave it any more.
   */
  close(): Promise<void>
}
