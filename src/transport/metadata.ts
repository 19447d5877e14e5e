// The metadata of a connection: what travels to the worker together with the descriptor.
import type { AcceptedConnection } from './transport.ts'

export interface ConnectionMetadata {
  /** Number of the listener that accepted the connection. @default 0 */
  listener?: number | undefined
  /** Whether the connection came over a Unix socket, so that its descriptor is not one of TCP. */
  isLocal?: boolean | undefined
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
 * [flags u8][from u8][listener u16][length of the header u16], little-endian, then header, then head. The flags are how the
 * connection was transferred (0 not, 1 final, 2 not final), and 4 for a Unix socket.
 */
const FIXED = 4 + LENGTH

const FINAL = 1
const NOT_FINAL = 2
const LOCAL = 4

/** Listeners are numbered 0 to this, at most. */
export const MAX_LISTENER = 255

const EMPTY = Buffer.alloc(0)

export function encodeMetadata(metadata: ConnectionMetadata): Buffer {
  const { listener = 0, header = EMPTY, head = EMPTY, moved } = metadata
  const fixed = Buffer.alloc(FIXED)
  const transfer = moved === undefined ? 0 : moved.isFinal ? FINAL : NOT_FINAL
  fixed[0] = transfer | (metadata.isLocal === true ? LOCAL : 0)
  fixed[1] = moved?.from ?? 0
  fixed.writeUInt16LE(listener, 2)
  fixed.writeUInt16LE(header.length, 4)
  return Buffer.concat([fixed, header, head])
}

/** Clears the "final" flag in encoded metadata, so that another worker routes the connection's requests again. */
export function clearFinal(encoded: Buffer): Buffer {
  return Buffer.concat([Buffer.from([NOT_FINAL | (isLocal(encoded) ? LOCAL : 0)]), encoded.subarray(1)])
}

/** Whether encoded metadata is that of a connection over a Unix socket. */
export function isLocal(encoded: Buffer | undefined): boolean {
  return encoded !== undefined && ((encoded[0] ?? 0) & LOCAL) !== 0
}

/** The number of the listener in encoded metadata. */
export function listenerIn(encoded: Buffer | undefined): number {
  return encoded === undefined ? 0 : encoded.readUInt16LE(2)
}

/** Decodes what {@link encodeMetadata} encoded. Header and head share its memory. */
export function decodeMetadata(encoded: Buffer): ConnectionMetadata {
  const [flags = 0, from = 0] = encoded
  const moved = flags & ~LOCAL
  const end = FIXED + encoded.readUInt16LE(4)
  return {
    listener: listenerIn(encoded),
    isLocal: isLocal(encoded),
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
