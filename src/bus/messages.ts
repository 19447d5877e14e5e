// A message of the application -> kind and body of its record, and back.
import { misuse, show } from '../options/reader.ts'
import type { BusMessage } from './bus.ts'
import { MAX_NAME, OP } from './frames.ts'

/** Kind and body of a record: bytes as a copy, anything else as text. */
export interface Packed {
  op: typeof OP.bytes | typeof OP.text | typeof OP.json
  body: Buffer | string
}

/** @throws TypeError with code HOLDFAST_BAD_OPTION for a value that is neither bytes nor a string nor JSON */
export function pack(message: BusMessage): Packed {
  // A copy, because the caller may use its memory again.
  if (message instanceof Uint8Array) return { op: OP.bytes, body: Buffer.from(message) }
  // UTF-8 cannot express half of a surrogate pair; JSON can.
  if (typeof message === 'string' && isWellFormed(message)) return { op: OP.text, body: message }
  if (message instanceof ArrayBuffer || ArrayBuffer.isView(message)) throw wrong(message, 'new Uint8Array(buffer)')
  return { op: OP.json, body: toJson(message) }
}

/** @param body - of pack(), or its bytes @throws SyntaxError for a body that is no JSON */
export function unpack(op: number, body: Buffer | string): BusMessage {
  if (op === OP.bytes) return body
  const text = body.toString()
  return op === OP.json ? (JSON.parse(text) as BusMessage) : text
}

/** @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION */
export function checkName(what: 'channel' | 'counter' | 'topic', name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || !isWellFormed(name)) {
    throw misuse(TypeError, `${what}: expected a string that is not empty, got ${show(name)}; write 'news'`)
  }
  if (Buffer.byteLength(name) > MAX_NAME) {
    throw misuse(RangeError, `${what}: expected at most ${MAX_NAME} bytes, got ${Buffer.byteLength(name)}`)
  }
}

function toJson(message: unknown): string {
  let cause = ''
  try {
    const text: string | undefined = JSON.stringify(message)
    if (text !== undefined) return text
  } catch (error) {
    // The message refers to itself or holds a bigint, or its own toJSON() has thrown.
    cause = `: ${String(error)}`
  }
  throw wrong(message, `JSON.stringify(message) to see what it makes of it${cause}`)
}

function wrong(message: unknown, write: string): Error {
  return misuse(TypeError, `message: expected bytes, a string or JSON, got ${show(message)}; write ${write}`)
}

/** Whether the text has no half of a surrogate pair. Most texts are ASCII, which the lengths show. */
function isWellFormed(text: string): boolean {
  return Buffer.byteLength(text) === text.length || !/\p{Surrogate}/u.test(text)
}
