// The bytes of a WebSocket that pass through this process. A frame of this process can be inserted between two of theirs.
import { Transform } from 'node:stream'

export class FrameStream extends Transform {
  /** The bytes of the next frame's header that have come. */
  #header: number[] = []
  /** Bytes of the current frame's payload that are still to come. */
  #rest = 0
  #inserted: Buffer | undefined

  /** Sends a frame when the frame that is passing now is complete. */
  insert(frame: Buffer): void {
    if (this.destroyed || this.writableEnded) return
    if (this.#rest === 0 && this.#header.length === 0) this.push(frame)
    else this.#inserted = frame
  }

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    const end = this.#parse(chunk)
    if (this.#inserted === undefined || end === undefined) {
      this.push(chunk)
    } else {
      this.push(chunk.subarray(0, end))
      this.push(this.#inserted)
      this.#inserted = undefined
      if (end < chunk.length) this.push(chunk.subarray(end))
    }
    done()
  }

  /** @returns where in the chunk the first frame ends; undefined where none does */
  #parse(chunk: Buffer): number | undefined {
    let firstEnd: number | undefined
    let at = 0
    while (at < chunk.length) {
      if (this.#rest > 0) {
        const step = Math.min(this.#rest, chunk.length - at)
        this.#rest -= step
        at += step
      } else {
        this.#header.push(chunk[at++] ?? 0)
        const length = payloadLength(this.#header)
        if (length === undefined) continue
        this.#header = []
        this.#rest = length
      }
      if (this.#rest === 0) firstEnd ??= at
    }
    return firstEnd
  }
}

/**
 * @param header - the first bytes of a frame (RFC 6455, 5.2)
 * @returns bytes of the payload; undefined while the header is not complete
 */
function payloadLength(header: readonly number[]): number | undefined {
  const [, second] = header
  if (second === undefined) return undefined
  const short = second & 0x7f
  const longer = short === 127 ? 8 : short === 126 ? 2 : 0
  const mask = second & 0x80 ? 4 : 0
  if (header.length < 2 + longer + mask) return undefined
  if (longer === 0) return short
  return header.slice(2, 2 + longer).reduce((length, byte) => length * 256 + byte, 0)
}
