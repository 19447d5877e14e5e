// Frames on Node's own channel between primary and worker. Where it speaks JSON, bytes would arrive as an object of
// numbers, so they travel as base64 there.
import type { ChildProcess } from 'node:child_process'
import { envelope, type Frame } from '../ipc/messages.ts'

type Serialization = 'json' | 'advanced'

/** @param written - called when the frame has left this process, or never will; not called when the worker ends before */
export function frameToWorker(
  child: ChildProcess,
  serialization: Serialization,
  frame: Buffer,
  written: () => void,
): void {
  if (child.connected) child.send(frameMessage(serialization, frame), () => written())
}

/** The same from a worker to its primary. */
export function frameToPrimary(serialization: Serialization, frame: Buffer, written: () => void): void {
  if (process.connected) process.send?.(frameMessage(serialization, frame), undefined, undefined, () => written())
}

export function bytesOf(frame: Frame): Buffer {
  if (typeof frame === 'string') return Buffer.from(frame, 'base64')
  return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
}

function frameMessage(serialization: Serialization, frame: Buffer): object {
  return envelope({ type: 'bus-frame', frame: serialization === 'json' ? frame.toString('base64') : frame })
}
