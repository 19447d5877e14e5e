// The metadata of a connection: what travels to the worker together with the descriptor.
import type { AcceptedConnection } from './transport.ts'

export interface ConnectionMetadata {
  /** The PROXY protocol header, as the proxy sent it. */
  header?: Buffer | undefined
  /** Bytes that were read behind the header, and that belong to the application. */
  head?: Buffer | undefined
  /** Set where another worker transferred the connection. */
  moved?: Moved | undefined
}

/** How another worker transferred the connection. */
export interface Moved {
  /** Id of that worker, 0..255: the client's address had led to it. */
  from: number
  /**
   * Whether the first request belongs to a session of the receiving worker, whatever the request looks like. Otherwise
   * the receiving worker routes each request as usual.
   */
  isFinal: boolean
}

/** Bytes of one connection's metadata, at most, encoded. */
export const MAX_METADATA = 60_000

/** Bytes of a length. */
const LENGTH = 2

/**
 * [moved u8: 0 no, 1 final, 2 not final][from u8][length of the header u16, little-endian], then header, then head.
 */
const FIXED = 2 + LENGTH

const FINAL = 1
const NOT_FINAL = 2

const EMPTY = Buffer.alloc(0)

export function encodeMetadata({ header = EMPTY, head = EMPTY, moved }: ConnectionMetadata): Buffer {
  const fixed = Buffer.alloc(FIXED)
  if (moved !== undefined) fixed[0] = moved.isFinal ? FINAL : NOT_FINAL
  fixed[1] = moved?.from ?? 0
  fixed.writeUInt16LE(header.length, 2)
  return Buffer.concat([fixed, header, head])
}

/** Clears the "final" flag in encoded metadata, so that another worker routes the connection's requests again. */
export function clearFinal(encoded: Buffer): Buffer {
  return Buffer.concat([Buffer.from([NOT_FINAL]), encoded.subarray(1)])
}

/** Decodes what {@link encodeMetadata} encoded. Header and head share its memory. */
export function decodeMetadata(encoded: Buffer): ConnectionMetadata {
  const [moved, from = 0] = encoded
  const end = FIXED + encoded.readUInt16LE(2)
  return {
    moved: moved === FINAL || moved === NOT_FINAL ? { isFinal: moved === FINAL, from } : undefined,
    header: end > FIXED ? encoded.subarray(FIXED, end) : undefined,
    head: encoded.length > end ? encoded.subarray(end) : undefined,
  }
}

/** The connections that travel in one frame. */
export interface Batch {
  connections: AcceptedConnection[]
  /**
   * For each connection [length u16, little-endian][metadata, encoded]; undefined where none of them has metadata.
   */
  payload: Buffer | undefined
}

/** The batch at the front of a queue, of at most so many connections and bytes of payload. The queue keeps them. */
export function nextBatch(queue: readonly AcceptedConnection[], maxConnections: number, maxBytes: number): Batch {
  const connections = queue.slice(0, maxConnections)
  if (!connections.some(({ metadata }) => metadata !== undefined)) return { connections, payload: undefined }
  const parts: Buffer[] = []
  let size = 0
  let count = 0
  for (const { metadata } of connections) {
    size += LENGTH + (metadata?.length ?? 0)
    if (size > maxBytes) break
    const length = Buffer.alloc(LENGTH)
    length.writeUInt16LE(metadata?.length ?? 0)
    parts.push(length, metadata ?? EMPTY)
    count++
  }
  return { connections: connections.slice(0, count), payload: Buffer.concat(parts) }
}

/** The encoded metadata of each of `count` connections in a {@link Batch}. An empty list where none has metadata. */
export function metadataOfBatch(payload: Buffer | undefined, count: number): (Buffer | undefined)[] {
  if (payload === undefined) return []
  let at = 0
  return Array.from({ length: count }, () => {
    if (at + LENGTH > payload.length) return undefined
    const start = at + LENGTH
    at = start + payload.readUInt16LE(at)
    return at > start ? payload.subarray(start, at) : undefined
  })
}
