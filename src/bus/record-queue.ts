// Records that wait to be sent, one after the other in pieces of memory that are sent as they are: a queue takes little
// more memory than the bytes of its records, however small they are.
import { isMessage, recordLength } from './frames.ts'

/** Bytes of a piece, and so of a frame; a longer record is a frame of its own. */
export const PIECE = 64 * 1024

/** Default limit in bytes for the messages that wait. */
export const MAX_BUFFERED = 8 * 1024 * 1024

interface Piece {
  buffer: Buffer
  /**
   * Whether the memory belongs to this queue, which fills and reuses it; otherwise it is one long record, not to be
   * changed.
   */
  isOwn: boolean
  start: number
  end: number
  records: number
  /** The number of messages among the records. */
  messages: number
}

export class RecordQueue {
  #pieces: Piece[] = []
  #bytes = 0
  #records = 0
  #messages = 0
  /** The piece of the frame that is being sent. */
  #sending: Piece | undefined
  /** Memory of a piece that was sent, for the next one. */
  #unused: Buffer | undefined

  get bytes(): number {
    return this.#bytes
  }

  get records(): number {
    return this.#records
  }

  /** The number of messages among the records. */
  get messages(): number {
    return this.#messages
  }

  /** @param record - not to be changed afterwards: a long record is not copied */
  push(record: Buffer): void {
    this.#bytes += record.length
    this.#records++
    const messages = messagesAt(record, 0)
    this.#messages += messages
    // A slice keeps the memory of the whole frame that it was cut from, here at most twice its own.
    if (record.length >= PIECE / 2) {
      this.#pieces.push({ buffer: record, isOwn: false, start: 0, end: record.length, records: 1, messages })
      return
    }
    const piece = this.#withRoom(record.length)
    piece.end += record.copy(piece.buffer, piece.end)
    piece.records++
    piece.messages += messages
  }

  /** Drops the oldest record. */
  drop(): void {
    const piece = this.#pieces[0]
    if (piece === undefined) return
    const length = recordLength(piece.buffer, piece.start)
    const messages = messagesAt(piece.buffer, piece.start)
    this.#bytes -= length
    this.#records--
    this.#messages -= messages
    piece.start += length
    piece.records--
    piece.messages -= messages
    if (piece.records > 0) return
    this.#pieces.shift()
    this.#reuse(piece)
  }

  /** Drops all records. @returns the number of messages among them */
  clear(): number {
    const messages = this.#messages
    this.#pieces = []
    this.#bytes = this.#records = this.#messages = 0
    return messages
  }

  /**
   * @returns the next frame, oldest records first; call `sent()` before the next take(). Undefined for an empty queue
   */
  take(): { frame: Buffer; records: number } | undefined {
    const piece = this.#pieces.shift()
    if (piece === undefined) return undefined
    const { buffer, start, end, records, messages } = piece
    this.#sending = piece
    this.#bytes -= end - start
    this.#records -= records
    this.#messages -= messages
    return { frame: buffer.subarray(start, end), records }
  }

  /** The frame of take() is written, and its memory can be used again. */
  sent(): void {
    if (this.#sending !== undefined) this.#reuse(this.#sending)
    this.#sending = undefined
  }

  /** @returns a piece with room for a record of that length */
  #withRoom(length: number): Piece {
    const last = this.#pieces.at(-1)
    if (last?.isOwn === true && PIECE - last.end >= length) return last
    const piece = {
      buffer: this.#unused ?? Buffer.allocUnsafeSlow(PIECE),
      isOwn: true,
      start: 0,
      end: 0,
      records: 0,
      messages: 0,
    }
    this.#unused = undefined
    this.#pieces.push(piece)
    return piece
  }

  #reuse({ buffer, isOwn }: Piece): void {
    if (isOwn) this.#unused = buffer
  }
}

/** @returns 1 if the record that starts there is a message */
function messagesAt(buffer: Buffer, at: number): 0 | 1 {
  return isMessage(buffer.readUInt8(at)) ? 1 : 0
}
