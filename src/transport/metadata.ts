// What travels with a descriptor besides its number: bytes that were taken off the connection and still count.
import type { AcceptedConnection } from './transport.ts'

export interface ConnectionMetadata {
  /** The PROXY protocol header, as the proxy sent it. */
  header?: Buffer | undefined
  /** Read already, and the application's. */
  head?: Buffer | undefined
  moved?: Moved | undefined
}

/** How another worker sent it here. */
export interface Moved {
  /** Id of that worker, to which the client's address had led. */
  from: number
  /** Whether the first request on it is of a session here, whatever else it seems; else each one is looked at. */
  settled: boolean
}

/** The most that can travel with one descriptor, packed. */
export const MAX_METADATA = 60_000

const LENGTH = 2

/** [moved u8: 1 settled, 2 not][from u8][length of the header u16], then the header, then the head. */
const FIXED = 2 + LENGTH

export function encodeMetadata({ header = EMPTY, head = EMPTY, moved }: ConnectionMetadata): Buffer {
  const fixed = Buffer.alloc(FIXED)
  if (moved !== undefined) fixed[0] = moved.settled ? SETTLED : OPEN
  fixed[1] = moved?.from ?? 0
  fixed.writeUInt16LE(header.length, 2)
  return Buffer.concat([fixed, header, head])
}

const EMPTY = Buffer.alloc(0)

const SETTLED = 1
const OPEN = 2

/** The same for somebody else than the worker that it was meant for, which is gone. */
export function unsettle(packed: Buffer): Buffer {
  return Buffer.concat([Buffer.from([OPEN]), packed.subarray(1)])
}

export function decodeMetadata(packed: Buffer): ConnectionMetadata {
  const [code, from = 0] = packed
  const end = FIXED + packed.readUInt16LE(2)
  return {
    moved: code === SETTLED || code === OPEN ? { settled: code === SETTLED, from } : undefined,
    header: end > FIXED ? packed.subarray(FIXED, end) : undefined,
    head: packed.length > end ? packed.subarray(end) : undefined,
  }
}

/** As many connections as go into one message. */
export interface Batch {
  connections: AcceptedConnection[]
  /** For each its metadata, after their length; undefined where none has any. */
  more: Buffer | undefined
}

/** The next batch off the front of a queue, of at most so many descriptors and bytes. */
export function nextBatch(queue: readonly AcceptedConnection[], most: number, bytes: number): Batch {
  const connections = queue.slice(0, most)
  if (!connections.some(({ metadata }) => metadata !== undefined)) return { connections, more: undefined }
  const parts: Buffer[] = []
  let size = 0
  let count = 0
  for (const { metadata } of connections) {
    size += LENGTH + (metadata?.length ?? 0)
    if (size > bytes) break
    const length = Buffer.alloc(LENGTH)
    length.writeUInt16LE(metadata?.length ?? 0)
    parts.push(length, metadata ?? EMPTY)
    count++
  }
  return { connections: connections.slice(0, count), more: Buffer.concat(parts) }
}

/** The metadata of each of `count` connections, as {@link nextBatch} packed them. */
export function metadataOf(more: Buffer | undefined, count: number): (Buffer | undefined)[] {
  if (more === undefined) return []
  let at = 0
  return Array.from({ length: count }, () => {
    if (at + LENGTH > more.length) return undefined
    const start = at + LENGTH
    at = start + more.readUInt16LE(at)
    return at > start ? more.subarray(start, at) : undefined
  })
}
