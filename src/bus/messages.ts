// What an application publishes -> the kind and the bytes that travel, and back.
import { misuse, show } from '../options/reader.ts'
import type { BusMessage } from './bus.ts'
import { MAX_NAME, OP } from './frames.ts'

/** A message on its way: bytes as a copy, anything else as text. */
export interface Packed {
  op: typeof OP.bytes | typeof OP.text | typeof OP.json
  body: Buffer | string
}

/** @throws TypeError with code HOLDFAST_BAD_OPTION for what is neither bytes nor text nor JSON */
export function pack(message: BusMessage): Packed {
  // A copy, because the caller may use its own again.
  if (message instanceof Uint8Array) return { op: OP.bytes, body: Buffer.from(message) }
  // UTF-8 has no place for half of a surrogate pair, JSON has.
  if (typeof message === 'string' && isWellFormed(message)) return { op: OP.text, body: message }
  if (message instanceof ArrayBuffer || ArrayBuffer.isView(message)) throw wrong(message, 'new Uint8Array(buffer)')
  return { op: OP.json, body: toJson(message) }
}

/** @param body - as it was packed, or its bytes */
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
    // It refers to itself, holds a bigint, or its own toJSON() threw.
    cause = `: ${String(error)}`
  }
  throw wrong(message, `JSON.stringify(message) to see what it makes of it${cause}`)
}

function wrong(message: unknown, write: string): Error {
  return misuse(TypeError, `message: expected bytes, a string or JSON, got ${show(message)}; write ${write}`)
}

/** Most texts are plain ASCII, which is seen from their lengths. */
function isWellFormed(text: string): boolean {
  return Buffer.byteLength(text) === text.length || !/\p{Surrogate}/u.test(text)
}
