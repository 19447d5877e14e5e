// A mux carries many streams, one per forwarded request, over one connection between two workers, and sends the frames of
// one turn of the event loop in one write. An HTTP client and server would cost three times as much.
import type { Socket } from 'node:net'
import { EndOfTurn } from '../../async/end-of-turn.ts'
import { codeOf } from '../../errors.ts'
import type { World } from '../../world.ts'

/** The protocol to which a connection to the peer socket is upgraded. */
export const MUX_PROTOCOL = 'holdfast-mux'

/** What a frame says about its stream. */
export const FRAME = {
  /** A request begins: JSON, see {@link StreamHead}. */
  open: 0,
  /** Bytes of the request's body, or of the answer as the client gets it. */
  data: 1,
  /** Nothing follows. Of a request: its trailers as JSON. Of an answer: one byte, 1 where the client's connection closes. */
  end: 2,
  /** The other end may send that many bytes more: u32. */
  credit: 3,
  /** The stream ends here, incomplete. */
  abort: 4,
  /** Of the mux: open no new streams, and close it when all are answered. */
  goaway: 5,
} as const

/** [length of the rest u32][stream id u32][kind u8], little-endian. */
const HEADER = 9

/** Bytes of one direction of a stream that may be on their way, or wait at the other end. */
export const WINDOW = 256 * 1024

/** Bytes. Longer pieces of a body are cut, so that other streams get their turn. */
const MAX_PAYLOAD = 64 * 1024

export interface MuxEvents {
  /** @param kind - see {@link FRAME} */
  frame(kind: number, stream: number, payload: Buffer): void
  /** No frame will follow. */
  closed(): void
}

export class Mux {
  readonly world: World
  readonly #socket: Socket
  readonly #events: MuxEvents
  readonly #endOfTurn: EndOfTurn
  /** The beginning of a frame that is not complete. */
  #received: Buffer | undefined
  /** Headers and payloads in turns. */
  #outbox: Uint8Array[] = []
  /** Bytes in the outbox. */
  #size = 0
  /** Frames that were given to {@link send}. */
  #frames = 0
  /** Frames that were written before the last write. */
  #writtenBefore = 0
  #errorCode: string | undefined

  /** @param world - also for the streams of this mux */
  constructor(socket: Socket, world: World, events: MuxEvents) {
    this.world = world
    this.#socket = socket
    this.#events = events
    this.#endOfTurn = new EndOfTurn(() => this.#write(), world)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    // Connections of the peer socket stay half open, and Node does not answer the end of an upgraded one.
    socket.once('end', () => this.end())
    // The first error says why; 'close' follows.
    socket.on('error', (error: Error) => (this.#errorCode ??= codeOf(error)))
    socket.once('close', () => events.closed())
  }

  /**
   * Sends a frame at the end of this turn of the event loop.
   *
   * @param kind - see {@link FRAME}
   * @param payload - not to be changed afterwards
   * @returns the number of the frame, for {@link isUnread}; Infinity where the connection has ended
   */
  send(kind: number, stream: number, payload: Uint8Array = NOTHING): number {
    if (!this.#socket.writable) return Infinity
    this.#endOfTurn.schedule()
    // Only data may come in parts: the other end reads JSON as a whole.
    const most = kind === FRAME.data ? MAX_PAYLOAD : Infinity
    for (let at = 0; at === 0 || at < payload.length; at += most) {
      const part = payload.length <= most ? payload : payload.subarray(at, at + most)
      const header = Buffer.allocUnsafe(HEADER)
      header.writeUInt32LE(HEADER - 4 + part.length, 0)
      header.writeUInt32LE(stream, 4)
      header[8] = kind
      this.#outbox.push(header, part)
      this.#size += HEADER + part.length
      this.#frames++
    }
    return this.#frames
  }

  /** Lets the other end send that many bytes more on a stream. */
  sendCredit(stream: number, bytes: number): void {
    const payload = Buffer.allocUnsafe(4)
    payload.writeUInt32LE(bytes, 0)
    this.send(FRAME.credit, stream, payload)
  }

  /**
   * Whether the other end has certainly not read a frame. To be asked after the connection has ended.
   *
   * Linux reports ECONNRESET where a Unix socket was closed while bytes in it were unread: the last frame at least. It
   * reports EPIPE where the socket was closed before the write: no byte of the last write has arrived.
   *
   * @param frame - what {@link send} returned
   */
  isUnread(frame: number): boolean {
    const written = this.#written
    if (frame > written) return true
    if (this.#errorCode === 'EPIPE') return frame > this.#writtenBefore
    return this.#errorCode === 'ECONNRESET' && frame === written
  }

  /** Frames that were written. */
  get #written(): number {
    return this.#frames - this.#outbox.length / 2
  }

  #write(): void {
    if (this.#socket.destroyed) return
    this.#writtenBefore = this.#written
    if (this.#size <= MAX_PAYLOAD) {
      this.#socket.write(Buffer.concat(this.#outbox, this.#size))
    } else {
      this.#socket.cork()
      for (const part of this.#outbox) this.#socket.write(part)
      this.#socket.uncork()
    }
    this.#outbox = []
    this.#size = 0
  }

  /** Writes what was sent, then ends this side of the connection. */
  end(): void {
    this.#endOfTurn.cancel()
    if (this.#outbox.length > 0) this.#write()
    this.#socket.end()
  }

  /** Each frame counts as read before its event, because the application may throw in the event, and go on. */
  #receive(chunk: Buffer): void {
    const bytes = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk])
    let at = 0
    let isDone = false
    try {
      while (at + HEADER <= bytes.length) {
        const start = at
        const end = start + 4 + bytes.readUInt32LE(start)
        if (end > bytes.length) break
        at = end
        const payload = bytes.subarray(start + HEADER, end)
        this.#events.frame(bytes[start + 8] ?? FRAME.abort, bytes.readUInt32LE(start + 4), payload)
      }
      isDone = true
    } finally {
      this.#received = at < bytes.length ? bytes.subarray(at) : undefined
      // The rest belongs to other requests, and must not wait for more bytes.
      if (!isDone) this.world.setImmediate(() => this.#socket.destroyed || this.#receive(NOTHING))
    }
  }
}

const NOTHING = Buffer.alloc(0)
