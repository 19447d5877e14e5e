// Messages as bytes. A record is one message or one request; a frame is any number of records, one after the other, and
// what travels. A record is the same wherever it is, so the primary passes it on without looking inside.
//
//   byte 0      what it is, see OP
//   bytes 1-4   length of the whole record, little-endian
//   bytes 5-6   length of the name, little-endian
//   ...         name: channel or counter, UTF-8
//   ...         body

/** The first three are messages, by the kind of what was published. */
export const OP = {
  bytes: 0,
  text: 1,
  json: 2,
  /** Worker to primary. How to treat me: body is how much may wait for me (uint32), and what to do on top (byte). */
  join: 16,
  subscribe: 17,
  unsubscribe: 18,
  /** Body: what to add to the counter (float64). */
  add: 19,
  /** Body: number of the question (uint32). An empty name asks for nothing but the answer. */
  read: 20,
  /** Primary to worker. Body: number of the last question that this answers (uint32), total (float64). */
  value: 32,
  /** Body: how many messages were dropped on the way to you (uint32). */
  missed: 33,
  /** The same, and your subscriptions are gone too. */
  dismissed: 34,
} as const

export type Op = (typeof OP)[keyof typeof OP]

/** Bytes that a body has at least. */
const LEAST: Readonly<Record<number, number>> = {
  [OP.join]: 5,
  [OP.add]: 8,
  [OP.read]: 4,
  [OP.value]: 12,
  [OP.missed]: 4,
  [OP.dismissed]: 4,
}

/** Longest name, in bytes. */
export const MAX_NAME = 0xffff

const HEADER = 7

export interface FrameRecord {
  readonly op: number
  readonly name: string
  readonly body: Buffer
  /** All of it, to be passed on. */
  readonly whole: Buffer
}

export function isMessage(op: number): boolean {
  return op <= OP.json
}

export function encodeRecord(op: Op, name: string, body: Uint8Array | string = ''): Buffer {
  const nameLength = Buffer.byteLength(name)
  const length = HEADER + nameLength + (typeof body === 'string' ? Buffer.byteLength(body) : body.length)
  const record = Buffer.allocUnsafe(length)
  record[0] = op
  record.writeUInt32LE(length, 1)
  record.writeUInt16LE(nameLength, 5)
  record.write(name, HEADER)
  if (typeof body === 'string') record.write(body, HEADER + nameLength)
  else record.set(body, HEADER + nameLength)
  return record
}

/** Length of the record that starts at `at`; 0 when there is no whole one. */
export function recordLength(frame: Buffer, at: number): number {
  if (at + HEADER > frame.length) return 0
  const length = frame.readUInt32LE(at + 1)
  return length < HEADER || at + length > frame.length || HEADER + frame.readUInt16LE(at + 5) > length ? 0 : length
}

/** Stops at what is no whole record. A body has at least the bytes that its kind needs. */
export function* readFrame(frame: Buffer): Generator<FrameRecord> {
  for (let at = 0; at < frame.length;) {
    const length = recordLength(frame, at)
    if (length === 0) return
    const whole = frame.subarray(at, at + length)
    const bodyAt = HEADER + whole.readUInt16LE(5)
    const op = whole[0] ?? 0
    if (length - bodyAt < (LEAST[op] ?? 0)) return
    yield { op, name: whole.toString('utf8', HEADER, bodyAt), body: whole.subarray(bodyAt), whole }
    at += length
  }
}
