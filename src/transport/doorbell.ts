// The doorbell of a descriptor link: bytes that wake the other side, which Node can wait for.
import { Socket } from 'node:net'
import type { Libc } from '../native/libc.ts'

/** What a byte on the doorbell says: one frame was sent, please answer, no frame will follow. */
export const RING = { frame: 0, probe: 1, end: 2 } as const
const RINGS = Object.values(RING).map((ring) => Buffer.from([ring]))

/** The doorbell's end on this side. A stream of Node's, for it to wait on; written to directly, which costs a third. */
export class Doorbell {
  readonly #libc: Libc
  readonly #fd: number
  readonly #socket: Socket

  constructor(libc: Libc, fd: number, on: { bytes(chunk: Buffer): void; closed?(): void }) {
    this.#libc = libc
    this.#fd = fd
    const callback = (size: number, buffer: Uint8Array): boolean => {
      on.bytes(Buffer.from(buffer.buffer, buffer.byteOffset, size))
      return true
    }
    this.#socket = new Socket({ fd, onread: { buffer: Buffer.alloc(4096), callback } } as object)
    // What keeps a process running is its IPC channel.
    this.#socket.unref()
    this.#socket.on('error', () => {}) // a reset is followed by 'close' too
    this.#socket.once('close', () => on.closed?.())
  }

  /** @returns false when the other side has not read for long */
  ring(ring: number): boolean {
    return !this.#socket.destroyed && this.#libc.write(this.#fd, RINGS[ring] ?? Buffer.of(ring), 1) === 1
  }

  /** Never fails: what does not go out now goes out in order later. */
  write(record: Buffer): void {
    if (this.#socket.destroyed) return
    if (this.#socket.writableLength > 0 || this.#libc.write(this.#fd, record, record.length) !== record.length) {
      this.#socket.write(Buffer.from(record))
    }
  }

  /** Bytes that are there and were not read yet. */
  rest(): Buffer {
    const rest = Buffer.alloc(64 * 1024)
    const size = this.#socket.destroyed ? 0 : this.#libc.read(this.#fd, rest, rest.length)
    return rest.subarray(0, Math.max(0, size))
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
