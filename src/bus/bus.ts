// What a bus is, whatever carries it: messages on named channels, to every process that listens.

/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * What travels. It arrives as the kind that was published: bytes as a Buffer, a string as a string, anything else as the
 * value that JSON makes of it. Nobody gets the publisher's own object; the listeners of one process share what they get, so
 * they must not change it.
 */
export type BusMessage = Uint8Array | Json

export type BusKind = 'local' | 'ipc' | 'redis'

export type BusListener = (message: BusMessage, channel: string) => void

/** How a bus is doing. Counts are of messages, since this bus was made. */
export interface BusStatus {
  kind: BusKind
  /** Whether messages reach the other processes now. */
  connected: boolean
  /** Published here. */
  published: number
  /** Given to listeners here, once for each of them. */
  delivered: number
  /** Published in this process and waiting to leave it. */
  buffered: number
  bufferedBytes: number
  /** Published in this process and never sent to the others, because too many waited or the way broke. */
  lost: number
  /** Meant for this process, and dropped because it was too slow to take them. */
  missed: number
  /** Channels that this process listens to. */
  channels: number
}

/** A number that all processes share. */
export interface Counter {
  /** Adds an integer, 1 if none is given; those of one turn travel together. */
  add(n?: number): void
  /**
   * Asks for the total, with everything in it that was added here before.
   *
   * @throws StickyError HOLDFAST_BUS_AWAY when nobody can be asked now, or Redis does not answer for 5 seconds
   */
  read(): Promise<number>
  /** The total as it was last heard: after each `read()`, and after each `add()` of this process, a little later. */
  readonly value: number
}

export interface Bus extends AsyncDisposable {
  /** local: this process only. ipc: through the primary. redis: through Redis. */
  readonly kind: BusKind
  /** Why this one. */
  readonly reason: string
  /**
   * Sends a message to all who listen to the channel, those of this process included. What this process publishes on a
   * channel arrives in that order everywhere. It returns at once, and no trouble on the way throws: see `status()`.
   *
   * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION when the message or the channel can not be sent
   */
  publish(channel: string, message: BusMessage): void
  /** @returns ends the subscription; the listener is not called any more */
  subscribe(channel: string, listener: BusListener): () => void
  /**
   * Resolves when what was subscribed to so far gets everything that others publish from then on: while Redis is away,
   * when it is back; at once when this bus is closed or the primary gone, so that there are no others.
   */
  ready(): Promise<void>
  counter(name: string): Counter
  status(): BusStatus
  /** Ends the subscriptions of this bus; resolves when what was published has left the process, or can not. */
  close(): Promise<void>
}
