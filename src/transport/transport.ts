// The one corridor between primary and worker: how an accepted connection crosses to another process.
import type { WorkerChannel } from '../ipc/channel.ts'
import type { LinkEvents, PrimaryLink } from './descriptor-link.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'

/** A connection that the primary accepted and no worker has taken yet. Of its bytes only those in `metadata` were read. */
export interface Accepted {
  /** Descriptor; -1 on Windows. */
  readonly fd: number
  /** Node's handle over it; undefined where the connection was accepted below Node, which node-ipc does not meet. */
  readonly handle: TcpHandle | undefined
  /** 0..255 */
  readonly slot: number
  /** Milliseconds on the monotonic clock. */
  readonly acceptedAt: number
  /** The number it was last sent under. */
  seq: number
  /** The client's key in hex, where connections are counted by it; else empty. */
  readonly key: string
  /** What goes along, packed; see metadata.ts. */
  metadata: Buffer | undefined
  /** The process that it is for; undefined for whoever owns the slot. */
  to: WorkerChannel | undefined
  /** Gives up the primary's copy of the descriptor; without FIN where a worker has one too. */
  close(): void
}

/** What a sender reports. `lost` and what `close` returns must be sent again; anything else is with the worker. */
export interface SenderEvents {
  /** The worker has taken these. */
  taken(connections: readonly Accepted[]): void
  /** The worker is alive and did not get these. */
  lost(connections: readonly Accepted[]): void
  /** There is room again after `send` said false. */
  room(): void
  /** The worker can not be reached any more. */
  gone(): void
}

/** The primary's end of one worker's channel. */
export interface Sender {
  /** Sends unless the channel is full or gone; false then. */
  send(connection: Accepted): boolean
  /** Connections sent and not acknowledged. */
  readonly unacknowledged: number
  /**
   * Milliseconds since the worker last owed an answer and gave none; 0 while it owes none. Asks it for one where the
   * silence lasts longer than `patience`.
   */
  silence(now: number, patience: number): number
  /** Tells the worker that none will follow. */
  end(): void
  /** Closes this end. @returns the connections that the worker never acknowledged, oldest first */
  close(): Accepted[]
}

/** What a receiver reports. */
export interface ReceiverEvents {
  /** Called after the acknowledgement went out, so that a crash in the application is the application's. */
  connection(handle: TcpHandle, seq: number, metadata: Buffer | undefined): void
  /** Listening sockets of slots, as descriptors. */
  listeners?(slots: readonly number[], descriptors: readonly number[]): void
  /** Nothing will follow. */
  end(): void
}

/** Both ends for one channel that is about to be started. */
export interface Endpoint {
  /** Descriptors that the channel must inherit, in this order, right after its IPC channel. */
  readonly inherit: readonly number[]
  /** To be called when the channel was started and has copies of its own, or could not be. */
  forked(): void
  /** The primary's end, once the channel said ready. */
  sender(channel: WorkerChannel, events: SenderEvents): Sender
  /** The bare link instead, for kernel steering; only the descriptor channel has one. */
  link?(events: LinkEvents): PrimaryLink
  /** Closes what neither took over. */
  close(): void
}

export type TransportName = 'node-ipc' | 'descriptor-channel'

/** A way over the corridor, as the primary sees it. */
export interface Transport {
  readonly name: TransportName
  /** How Node's own channel to the worker encodes messages, whatever else it carries. */
  readonly serialization: 'json' | 'advanced'
  endpoint(): Endpoint
}
