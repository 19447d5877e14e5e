// Sends messages on Node's IPC channel, in both directions. A failed write is ignored: what the other process sent
// before may still be unread, and the end of the channel shows that it is gone.
import type { ChildProcess } from 'node:child_process'
import { deferred, type Deferred } from '../async/deferred.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import { envelope, type ToPrimary, type ToWorker } from './messages.ts'

/**
 * Sends a message, or a connection, to a worker. Does nothing when the channel is closed.
 *
 * @param message - the bare sequence number for a connection, which is the most frequent message
 * @param handle - of the connection; its descriptor stays open in this process
 * @param metadata - of the connection, encoded
 */
export function sendToWorker(
  child: ChildProcess,
  message: ToWorker | number,
  handle?: TcpHandle,
  metadata?: Buffer,
): void {
  if (!child.connected) return
  // Without a callback, a failed write is an 'error' event, which can end the primary.
  child.send(envelope(message, metadata), handle as never, ignore)
}

/** Sends a message to the primary. Does nothing when the channel is closed. */
export function sendToPrimary(message: ToPrimary): void {
  if (process.connected) process.send?.(envelope(message), undefined, undefined, ignore)
}

/**
 * Sends a socket to the primary, together with a message.
 *
 * @param metadata - of the connection, encoded
 * @param onSent - called when the socket was sent or never will be: this process needs its descriptor no longer
 */
export function sendSocket(message: ToPrimary, handle: TcpHandle, metadata: Buffer, onSent: () => void): void {
  if (!process.connected) return onSent()
  unsentSockets++
  process.send?.(envelope(message, metadata), handle as never, undefined, () => {
    onSent()
    if (--unsentSockets > 0) return
    allSent?.resolve()
    allSent = undefined
  })
}

/**
 * Node sends a handle only after the answer to the one before. The sockets that wait would be lost with the channel.
 */
let unsentSockets = 0
let allSent: Deferred<void> | undefined

/** Resolves when all sockets were sent, or when the channel is closed. */
export function socketsSent(): Promise<void> {
  if (unsentSockets === 0 || !process.connected) return Promise.resolve()
  const sent = (allSent ??= deferred())
  process.once('disconnect', () => sent.resolve())
  return sent.promise
}

function ignore(): void {}
