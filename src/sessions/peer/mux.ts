// The line between two workers for requests of each other's sessions: many at a time, over one connection, so that what
// one turn of the loop brings travels in one write. HTTP again, with a client and a server, would cost three times as much.
import type { Socket } from 'node:net'
import { EndOfTurn } from '../../async/end-of-turn.ts'
import { codeOf } from '../../errors.ts'
import type { World } from '../../world.ts'

/** What the protocol of the peer socket is upgraded to. */
export const MUX_PROTOCOL = 'holdfast-mux'

/** What a frame says about its stream. */
export const FRAME = {
  /** A request: JSON, see {@link StreamHead}. */
  open: 0,
  /** Bytes of its body, or of the answer as it goes to the client. */
  data: 1,
  /** Nothing follows. Of a request: its trailers, as JSON; of an answer: one byte, whether its connection is to be closed. */
  end: 2,
  /** So many bytes are used up, so many more may come: u32. */
  credit: 3,
  /** It ends here, incomplete. */
  abort: 4,
  /** No new streams, please: close when all are answered. */
  goaway: 5,
} as const

/** [length of the rest u32][stream u32][kind u8], little-endian. */
const HEADER = 9

/** Bytes of one direction of a stream that may be on their way or waiting for whoever uses them. */
export const WINDOW = 256 * 1024

/** Longer pieces of a body are cut, so that others get their turn. */
const MAX_PAYLOAD = 64 * 1024

export interface MuxEvents {
  frame(kind: number, stream: number, payload: Buffer): void
  /** Nothing will follow. */
  closed(): void
}

export class Mux {
  /** The timers of everything on this line. */
  readonly world: World
  readonly #socket: Socket
  readonly #events: MuxEvents
  #rest: Buffer | undefined
  readonly #endOfTurn: EndOfTurn
  #outbox: Uint8Array[] = []
  #size = 0
  #sent = 0
  /** Frames that are sent before the last write. */
  #before = 0
  #errorCode: string | undefined

  constructor(socket: Socket, world: World, events: MuxEvents) {
    this.world = world
    this.#endOfTurn = new EndOfTurn(() => this.#flush(), world)
    this.#socket = socket
    this.#events = events
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    // the peer socket's connections stay half open, and nobody else answers the end of one that was upgraded.
    socket.once('end', () => this.end())
    // The first one tells; 'close' follows.
    socket.on('error', (error: Error) => (this.#errorCode ??= codeOf(error)))
    socket.once('close', () => events.closed())
  }

  /**
   * @param payload - must not be changed afterwards
   * @returns the number of the frame, for {@link isUnread}
   */
  send(kind: number, stream: number, payload: Uint8Array = NOTHING): number {
    if (!this.#socket.writable) return Infinity
    // At the end of this turn, when everything that came in was looked at.
    this.#endOfTurn.schedule()
    // What is JSON is read as a whole.
    const most = kind === FRAME.data ? MAX_PAYLOAD : Infinity
    for (let at = 0; at === 0 || at < payload.length; at += most) {
      const part = payload.length <= most ? payload : payload.subarray(at, at + most)
      const header = Buffer.allocUnsafe(HEADER)
      header.writeUInt32LE(HEADER - 4 + part.length, 0)
      header.writeUInt32LE(stream, 4)
      header[8] = kind
      this.#outbox.push(header, part)
      this.#size += HEADER + part.length
      this.#sent++
    }
    return this.#sent
  }

  /**
   * Whether the other end has certainly not read the frame; to be asked when the connection has ended.
   *
   * Linux says ECONNRESET where a Unix socket was closed with something unread: the last frame, at least. It says EPIPE
   * where the socket was closed before the write: nothing of that came to anybody.
   */
  isUnread(frame: number): boolean {
    const written = this.#written
    if (frame > written) return true
    return this.#errorCode === 'EPIPE' ? frame > this.#before : this.#errorCode === 'ECONNRESET' && frame === written
  }

  get #written(): number {
    // A header and a payload each.
    return this.#sent - this.#outbox.length / 2
  }

  #flush(): void {
    if (this.#socket.destroyed) return
    this.#before = this.#written
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

  sendCredit(stream: number, bytes: number): void {
    const payload = Buffer.allocUnsafe(4)
    payload.writeUInt32LE(bytes, 0)
    this.send(FRAME.credit, stream, payload)
  }

  /** After what was sent. */
  end(): void {
    this.#endOfTurn.cancel()
    if (this.#outbox.length > 0) this.#flush()
    this.#socket.end()
  }

  /** A frame is behind us before anybody hears of it: the application may throw, and may go on after that. */
  #take(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
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
      this.#rest = at < bytes.length ? bytes.subarray(at) : undefined
      // What came along belongs to other requests, and need not wait for the next bytes.
      if (!isDone) this.world.setImmediate(() => this.#socket.destroyed || this.#take(NOTHING))
    }
  }
}

const NOTHING = Buffer.alloc(0)
