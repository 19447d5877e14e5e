// Messages of ours on Node's own channel, in both directions. Whether the other end is still there is heard by the
// channel's end, not by a failed write: what it said before may still be unread.
import type { ChildProcess } from 'node:child_process'
import { deferred, type Deferred } from '../async/deferred.ts'
import type { ToPrimary, ToWorker } from './messages.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'

/**
 * @param message - a connection is just its number: this is what is sent most
 * @param handle - its descriptor stays open here, as keepOpen does it for a socket, until the acknowledgement
 * @param metadata - what goes along with a connection
 */
export function sendToWorker(
  child: ChildProcess,
  message: ToWorker | number,
  handle?: TcpHandle,
  metadata?: Buffer,
): void {
  if (!child.connected) return
  const envelope =
    metadata === undefined ? { holdfast: message } : { holdfast: message, metadata: metadata.toString('base64') }
  // Without a callback a failed write would be an 'error' event that can end the primary.
  child.send(envelope, handle as never, ignore)
}

export function sendToPrimary(message: ToPrimary): void {
  if (process.connected) process.send?.({ holdfast: message }, undefined, undefined, ignore)
}

/** @param sent - called when the socket is on its way, or never will be: its descriptor is not needed here any more */
export function sendSocket(message: ToPrimary, handle: TcpHandle, metadata: Buffer, sent: () => void): void {
  if (!process.connected) return sent()
  const envelope = { holdfast: message, metadata: metadata.toString('base64') }
  unsent++
  process.send?.(envelope, handle as never, undefined, () => {
    sent()
    if (--unsent > 0) return
    allSent?.resolve()
    allSent = undefined
  })
}

/** Sockets that Node keeps until the one before has arrived; they would be lost with the channel. */
let unsent = 0
let allSent: Deferred<void> | undefined

/** Resolves when all sockets are on their way, or never will be. */
export function socketsSent(): Promise<void> {
  if (unsent === 0 || !process.connected) return Promise.resolve()
  const { promise, resolve } = (allSent ??= deferred())
  process.once('disconnect', resolve)
  return promise
}

function ignore(): void {}
