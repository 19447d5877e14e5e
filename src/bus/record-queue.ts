// Records that wait to be sent, copied one after the other into pieces of memory that are sent as they are: what waits
// for a slow process takes little more memory than its bytes, however small the messages are.
import { isMessage, recordLength } from './frames.ts'

/** Bytes of one piece: of a frame, but for one whose only record is longer. */
export const PIECE = 64 * 1024

/** Bytes that wait at most, where nobody says otherwise. */
export const MAX_BUFFERED = 8 * 1024 * 1024

interface Piece {
  buffer: Buffer
  /** Whether it can be filled and used again; else it is a long record, which others may have as well. */
  own: boolean
  start: number
  end: number
  records: number
  /** Of these records. */
  messages: number
}

export class RecordQueue {
  #pieces: Piece[] = []
  #bytes = 0
  #records = 0
  #messages = 0
  /** The piece that is being sent; used again after that. */
  #lent: Piece | undefined
  #spare: Buffer | undefined

  get bytes(): number {
    return this.#bytes
  }

  get records(): number {
    return this.#records
  }

  /** Without what is asked and told beside them. */
  get messages(): number {
    return this.#messages
  }

  /** @param record - a long one is kept as it is, so it must not change */
  push(record: Buffer): void {
    this.#bytes += record.length
    this.#records++
    const messages = messagesAt(record, 0)
    this.#messages += messages
    // A slice that is kept keeps all of the frame that it was cut from, which is no more than twice as much.
    if (record.length >= PIECE / 2) {
      this.#pieces.push({ buffer: record, own: false, start: 0, end: record.length, records: 1, messages })
      return
    }
    const piece = this.#withRoom(record.length)
    piece.end += record.copy(piece.buffer, piece.end)
    piece.records++
    piece.messages += messages
  }

  /** Drops the record that waits longest. */
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
    this.#keep(piece)
  }

  /** Drops all. @returns how many messages */
  clear(): number {
    const messages = this.#messages
    this.#pieces = []
    this.#bytes = this.#records = this.#messages = 0
    return messages
  }

  /** The next frame, oldest records first; to be given back by `sent()` before the next one is taken. */
  take(): { frame: Buffer; records: number } | undefined {
    const piece = this.#pieces.shift()
    if (piece === undefined) return undefined
    const { buffer, start, end, records, messages } = piece
    this.#lent = piece
    this.#bytes -= end - start
    this.#records -= records
    this.#messages -= messages
    return { frame: buffer.subarray(start, end), records }
  }

  /** What was taken is not needed any more. */
  sent(): void {
    if (this.#lent !== undefined) this.#keep(this.#lent)
    this.#lent = undefined
  }

  #withRoom(length: number): Piece {
    const last = this.#pieces.at(-1)
    if (last?.own === true && PIECE - last.end >= length) return last
    const piece = {
      buffer: this.#spare ?? Buffer.allocUnsafeSlow(PIECE),
      own: true,
      start: 0,
      end: 0,
      records: 0,
      messages: 0,
    }
    this.#spare = undefined
    this.#pieces.push(piece)
    return piece
  }

  #keep({ buffer, own }: Piece): void {
    if (own) this.#spare = buffer
  }
}

/** Of the one record that starts there: 1 if it is a message. */
function messagesAt(buffer: Buffer, at: number): 0 | 1 {
  return isMessage(buffer.readUInt8(at)) ? 1 : 0
}
