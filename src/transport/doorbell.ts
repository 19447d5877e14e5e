// The doorbell of a descriptor link: a stream socket pair. Node can wait for bytes on it, which wake the other process.
import { Socket } from 'node:net'
import type { Libc } from '../native/libc.ts'

/** What one byte from the primary says: a frame was sent, please answer, no frame will follow. */
export const RING = { frame: 0, probe: 1, end: 2 } as const

type Ring = (typeof RING)[keyof typeof RING]

const RINGS = Object.values(RING).map((ring) => Buffer.from([ring]))

interface DoorbellEvents {
  /** Bytes have arrived; they are valid during the call only. */
  onBytes(bytes: Buffer): void
  /** The other end is closed. */
  onClosed?(): void
}

/** This process's end of the pair. Node waits on it; writes go past Node's stream, which costs a third. */
export class Doorbell {
  readonly #libc: Libc
  readonly #fd: number
  readonly #socket: Socket

  constructor(libc: Libc, fd: number, events: DoorbellEvents) {
    this.#libc = libc
    this.#fd = fd
    const callback = (size: number, buffer: Uint8Array): boolean => {
      events.onBytes(Buffer.from(buffer.buffer, buffer.byteOffset, size))
      return true
    }
    this.#socket = new Socket({ fd, onread: { buffer: Buffer.alloc(4096), callback } } as object)
    // The process's IPC channel keeps it running, not the doorbell.
    this.#socket.unref()
    this.#socket.on('error', () => {}) // a reset is followed by 'close' too
    this.#socket.once('close', () => events.onClosed?.())
  }

  /** Sends one byte. A byte that finds the pair full is dropped: see MANY_RINGS in descriptor-link.ts. */
  ring(ring: Ring): void {
    if (!this.#socket.destroyed) this.#libc.write(this.#fd, RINGS[ring] ?? Buffer.of(ring), 1)
  }

  /** Sends a record. What finds the pair full is sent later, in order. */
  write(record: Buffer): void {
    if (this.#socket.destroyed) return
    if (this.#socket.writableLength > 0 || this.#libc.write(this.#fd, record, record.length) !== record.length) {
      this.#socket.write(Buffer.from(record))
    }
  }

  /** Reads bytes that have arrived and that Node has not read yet. @returns an empty buffer when there are none */
  readRest(): Buffer {
    const rest = Buffer.alloc(64 * 1024)
    const size = this.#socket.destroyed ? 0 : this.#libc.read(this.#fd, rest, rest.length)
    return rest.subarray(0, Math.max(0, size))
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
