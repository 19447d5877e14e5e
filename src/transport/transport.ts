// The one corridor between primary and worker: how an accepted connection crosses to another process.
import type { WorkerChannel } from '../ipc/channel.ts'
import type { LinkEvents, PrimaryLink } from './descriptor-link.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'

/**
 * A connection that the primary accepted and that no worker has acknowledged yet. Of its bytes only those in `metadata`
 * were read. One object goes with the connection through the primary; the parts named below write the fields that change.
 */
export interface AcceptedConnection {
  /** Descriptor; -1 on Windows. */
  readonly fd: number
  /** Node's handle over the connection; undefined while there is only a descriptor, which node-ipc cannot send. */
  readonly handle: TcpHandle | undefined
  /** Slot of the client, 0..255. Steering writes it once, when the client's address is known. */
  slot: number
  /** Milliseconds on the monotonic clock. Steering writes it together with `slot`. */
  acceptedAt: number
  /** The client's key in hex. Steering writes it once, and only where connections are counted by key; else empty. */
  key: string
  /** What travels to the worker, encoded (metadata.ts). The PROXY protocol gate and a transfer write it. */
  metadata: Buffer | undefined
  /**
   * The one process that may get the connection; undefined: the owner of the slot. A transfer writes it, and steering
   * clears it when that process takes no more.
   */
  recipient: WorkerChannel | undefined
  /** Sequence number on the way to a worker. The sender writes it each time the connection is sent. */
  seq: number
  /** Closes the primary's copy of the descriptor; the client sees no FIN while a worker has a copy too. */
  close(): void
}

/** What a sender reports. `lost` and what `close` returns must be sent again; anything else is with the worker. */
export interface SenderEvents {
  /** The worker has taken these. */
  taken(connections: readonly AcceptedConnection[]): void
  /** The worker is alive and did not get these. */
  lost(connections: readonly AcceptedConnection[]): void
  /** There is room again after `send` said false. */
  room(): void
  /** The worker can not be reached any more. */
  gone(): void
}

/** The primary's end of one worker's channel. */
export interface Sender {
  /** Sends unless the channel is full or gone; false then. */
  send(connection: AcceptedConnection): boolean
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
  close(): AcceptedConnection[]
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
