// The one corridor between primary and worker: how an accepted connection crosses to another process.
import type { ChildProcess } from 'node:child_process'
import type { TcpHandle } from './tcp-handle.ts'
import type { ConnectionInfo, ToWorker } from '../protocol.ts'

/** A connection that the primary accepted and no worker has taken yet. No byte of it was read. */
export interface Accepted {
  readonly handle: TcpHandle
  /** 0..255 */
  readonly slot: number
  /** Milliseconds on the monotonic clock. */
  readonly acceptedAt: number
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

/** The worker's end. */
export interface ReceiverEvents {
  /** Called after the acknowledgement went out, so that a crash in the application is the application's. */
  connection(handle: TcpHandle, info: ConnectionInfo): void
  /** No connection will follow. */
  end(): void
}

/** Everything about a transport that the rest of the house sees. */
export interface Transport {
  readonly name: string
  /** The primary's end for a child that said ready. */
  sender(child: ChildProcess, events: SenderEvents): Sender
}

/** The worker's way to the primary, as much of it as a receiver needs. */
export type Post = (message: ToWorker) => void
