// How an accepted connection crosses from the primary to a worker process: the interface of every transport.
import type { WorkerChannel } from '../ipc/channel.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { LinkEvents, PrimaryLink } from './descriptor-link.ts'

/**
 * A connection that the primary accepted and that no worker has acknowledged yet. Of its bytes only those in `metadata`
 * were read. One object goes with the connection through the primary; the parts named below write the fields that
 * change.
 */
export interface AcceptedConnection {
  /** Descriptor; -1 on Windows. */
  readonly fd: number
  /** Node's handle over the connection; undefined while there is only a descriptor, which node-ipc cannot send. */
  readonly handle: TcpHandle | undefined
  /** Number of the listener that accepted it. Steering writes it once. */
  listener: number
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

/** What a sender reports of its connections. Those it does not report before `close()` must be sent again. */
export interface SenderEvents {
  /** The worker has these connections. */
  onAcknowledged(connections: readonly AcceptedConnection[]): void
  /** The worker lives and did not get these connections: they must be sent again. */
  onUndelivered(connections: readonly AcceptedConnection[]): void
  /** There is room again, after `send()` returned false. */
  onRoom(): void
  /** The worker cannot be reached any more. */
  onClosed(): void
}

/** The primary's end of the transport to one worker process. */
export interface Sender {
  /** Sends the connection. @returns false, without sending, while the transport is full and after it was closed */
  send(connection: AcceptedConnection): boolean
  /** Number of connections that were sent and not acknowledged. */
  readonly unacknowledged: number
  /**
   * For how many milliseconds the worker has owed an answer; 0 while it owes none. Asks the worker for an answer when
   * that is longer than `patience`.
   *
   * @param now - milliseconds on the monotonic clock
   */
  silence(now: number, patience: number): number
  /** Tells the worker that no connection will follow. */
  end(): void
  /** Closes this end. @returns the connections that the worker did not acknowledge, oldest first */
  close(): AcceptedConnection[]
}

/** What a receiver reports in the worker. */
export interface ReceiverEvents {
  /**
   * A connection has arrived. It was acknowledged before, so that a crash in the application does not make the primary
   * send it again.
   *
   * @param metadata - encoded (metadata.ts)
   */
  onConnection(handle: TcpHandle, seq: number, metadata: Buffer | undefined): void
  /**
   * Listening sockets have arrived, in kernel steering.
   *
   * @param numbers - of the sockets, see ipc/messages.ts (`socketNumber`)
   */
  onSlotSockets?(numbers: readonly number[], descriptors: readonly number[]): void
  /** Nothing will follow. */
  onEnd(): void
}

/** Both ends of the transport to a worker process that is about to be started. */
export interface Endpoint {
  /** Descriptors that the process must inherit, in this order, as 4, 5 and so on: right after its IPC channel. */
  readonly inherit: readonly number[]
  /** To be called when the process was started, and has copies of its own, or could not be started. */
  afterFork(): void
  /** Opens the primary's end, once the process is ready. */
  sender(channel: WorkerChannel, events: SenderEvents): Sender
  /** Opens the bare link instead, for kernel steering. Only the descriptor channel has one. */
  link?(events: LinkEvents): PrimaryLink
  /** Closes what neither sender nor link has taken over. */
  close(): void
}

export type TransportName = 'node-ipc' | 'descriptor-channel'

/** A transport, as the primary sees it. */
export interface Transport {
  readonly name: TransportName
  /** How Node's IPC channel to the worker encodes messages. */
  readonly serialization: 'json' | 'advanced'
  /** Prepares the transport to one more process. @throws Error when the primary has no descriptors left */
  endpoint(): Endpoint
}
