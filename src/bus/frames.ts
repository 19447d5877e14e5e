// Messages as bytes. A record is one message or one request. A frame travels, and is any number of records, one after
// the other. A record has the same bytes everywhere, so the primary passes it on without reading its body.
//
//   byte 0      kind of the record, see OP
//   bytes 1-4   length of the whole record, little-endian
//   bytes 5-6   length of the name, little-endian
//   ...         name: channel or counter, UTF-8
//   ...         body

/** Kinds of records. Numbers in a body are little-endian. */
export const OP = {
  /** A message. Body: the bytes that were published. */
  bytes: 0,
  /** A message. Body: the string that was published, in UTF-8. */
  text: 1,
  /** A message. Body: JSON of the value that was published. */
  json: 2,
  /** Worker to primary. Body: bytes of messages that may wait for the worker (uint32), index in SLOW (byte). */
  join: 16,
  /** Worker to primary. No body. */
  subscribe: 17,
  /** Worker to primary. No body. */
  unsubscribe: 18,
  /** Worker to primary. Body: the addition to the counter (float64). */
  add: 19,
  /**
   * Worker to primary. Body: number of the read (uint32). With an empty name only the arrival of the answer matters.
   */
  read: 20,
  /** Primary to worker. Body: number of the last read that this answers, 0 for none (uint32); total (float64). */
  value: 32,
  /** Primary to worker. Body: number of messages for the worker that were dropped (uint32). */
  missed: 33,
  /** As `missed`; the primary has also dropped the worker's subscriptions, and the worker has to join again. */
  dismissed: 34,
} as const

export type Op = (typeof OP)[keyof typeof OP]

/** Shortest body, in bytes, of the kinds that have a fixed layout. */
const MIN_BODY: Readonly<Record<number, number>> = {
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
  /** All bytes of the record. */
  readonly whole: Buffer
}

/** @param op - kind of a record */
export function isMessage(op: number): boolean {
  return op <= OP.json
}

/** @param name - of a channel or counter, at most MAX_NAME bytes */
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

/** @param at - index of the record's first byte @returns the length of the record; 0 when it is not complete */
export function recordLength(frame: Buffer, at: number): number {
  if (at + HEADER > frame.length) return 0
  const length = frame.readUInt32LE(at + 1)
  return length < HEADER || at + length > frame.length || HEADER + frame.readUInt16LE(at + 5) > length ? 0 : length
}

/** Reads records up to the first incomplete one. A body has at least the bytes that its kind needs. */
export function* readFrame(frame: Buffer): Generator<FrameRecord> {
  for (let at = 0; at < frame.length;) {
    const length = recordLength(frame, at)
    if (length === 0) return
    const whole = frame.subarray(at, at + length)
    const bodyAt = HEADER + whole.readUInt16LE(5)
    const op = whole[0] ?? 0
    if (length - bodyAt < (MIN_BODY[op] ?? 0)) return
    yield { op, name: whole.toString('utf8', HEADER, bodyAt), body: whole.subarray(bodyAt), whole }
    at += length
  }
}
