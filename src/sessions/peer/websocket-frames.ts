// The bytes of a WebSocket on their way through this process: a frame of ours may stand only between two of theirs.
import { Transform } from 'node:stream'

export class FrameStream extends Transform {
  /** What is there of the header of the frame that comes next. */
  #header: number[] = []
  /** Bytes of a frame's payload that are still to come. */
  #rest = 0
  #waiting: Buffer | undefined

  /** Sends it as soon as the frame is through that is on its way. */
  insert(frame: Buffer): void {
    if (this.destroyed || this.writableEnded) return
    if (this.#rest === 0 && this.#header.length === 0) this.push(frame)
    else this.#waiting = frame
  }

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    const end = this.#follow(chunk)
    if (this.#waiting === undefined || end === undefined) {
      this.push(chunk)
    } else {
      this.push(chunk.subarray(0, end))
      this.push(this.#waiting)
      this.#waiting = undefined
      if (end < chunk.length) this.push(chunk.subarray(end))
    }
    done()
  }

  /** @returns where in the chunk the first frame ends that ends there */
  #follow(chunk: Buffer): number | undefined {
    let first: number | undefined
    let at = 0
    while (at < chunk.length) {
      if (this.#rest > 0) {
        const step = Math.min(this.#rest, chunk.length - at)
        this.#rest -= step
        at += step
      } else {
        this.#header.push(chunk[at++] ?? 0)
        const length = payloadOf(this.#header)
        if (length === undefined) continue
        this.#header = []
        this.#rest = length
      }
      if (this.#rest === 0) first ??= at
    }
    return first
  }
}

/** Bytes that follow a header (RFC 6455, 5.2); undefined while the header is not complete. */
function payloadOf(header: readonly number[]): number | undefined {
  const [, second] = header
  if (second === undefined) return undefined
  const short = second & 0x7f
  const longer = short === 127 ? 8 : short === 126 ? 2 : 0
  const mask = second & 0x80 ? 4 : 0
  if (header.length < 2 + longer + mask) return undefined
  if (longer === 0) return short
  return header.slice(2, 2 + longer).reduce((length, byte) => length * 256 + byte, 0)
}
