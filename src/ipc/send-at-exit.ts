// Sends sockets to the primary while the process ends: nothing of what Node would do later is done any more.
import { readSync } from 'node:fs'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { ToPrimary } from './messages.ts'
import { sendSocket } from './send.ts'

/** Milliseconds in which the primary answers, unless it is very busy. The process ends after that anyway. */
const ANSWER_TIME = 500

/** What Node answers to each handle that has arrived. */
const ANSWER = 'NODE_HANDLE_ACK'

/**
 * Sends each socket with the same message, and returns when the primary has them. To be called at 'exit' only: answers are
 * read past Node. Where this is not Linux, only the first socket arrives for sure, see transport/ipc-window.ts.
 *
 * @param sockets - handles with their metadata
 */
export function sendSocketsAtExit(message: ToPrimary, sockets: readonly (readonly [TcpHandle, Buffer])[]): void {
  for (const [handle, metadata] of sockets) {
    // Node would keep each handle back until the answer to the one before.
    if (process.platform === 'linux') Reflect.set(process, '_handleQueue', null)
    sendSocket(message, handle, metadata, () => {})
  }
  readAnswers(sockets.length)
}

/** With answers unread at this end, the system would discard what the other end has not read yet. */
function readAnswers(count: number): void {
  const fd: unknown = process.channel === undefined ? undefined : Reflect.get(process.channel, 'fd')
  if (typeof fd !== 'number' || fd < 0) return
  const sleeping = new Int32Array(new SharedArrayBuffer(4))
  const buffer = Buffer.alloc(64 * 1024)
  const end = performance.now() + ANSWER_TIME
  let text = ''
  while (text.split(ANSWER).length <= count && performance.now() < end) {
    const size = readNow(fd, buffer)
    if (size === 0) return
    if (size === undefined) Atomics.wait(sleeping, 0, 0, 1)
    else text += buffer.toString('latin1', 0, size)
  }
}

/** @returns undefined where there is nothing to read now; 0 at the end of the channel */
function readNow(fd: number, buffer: Buffer): number | undefined {
  try {
    return readSync(fd, buffer)
  } catch {
    return undefined // EAGAIN
  }
}
