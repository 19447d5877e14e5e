// The two socket pairs between primary and worker on Linux, and the frames on them.
//
// Descriptors travel on a SOCK_SEQPACKET pair, many per message. Node can not wait for such messages itself (libuv drops
// the descriptors on what it reads), so a byte on a second pair, the doorbell, wakes the other side; what the worker has
// received comes back on the doorbell.
import {
  AF_UNIX,
  EAGAIN,
  ETOOMANYREFS,
  SHUT_WR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '../native/constants.ts'
import type { Libc } from '../native/libc.ts'
import {
  descriptorReader,
  descriptorWriter,
  type DescriptorReader,
  type DescriptorWriter,
} from '../native/scm-rights.ts'
import { Doorbell, RING } from './doorbell.ts'

/** What a frame carries. */
export const FRAME = { connections: 0, listeners: 1 } as const

/** [kind u8][0 u8][count u16][number of the first u32], little-endian, then what `more` holds. */
const HEADER = 8

/** A receipt: [number of the last connection u32][how many of the last ones did not fit u32]. */
const RECORD = 8

const BODY_SIZE = 64 * 1024

/** Bytes of `more` at most. */
export const MORE_SIZE = BODY_SIZE - HEADER

/**
 * So many bytes of the doorbell at once may not be all: the doorbell was full perhaps, and dropped some. Then the worker looks for
 * frames until there are none.
 */
const MANY = 64

/** Descriptors of both ends; data before doorbell, in the order in which a worker inherits them. */
export interface LinkPair {
  primary: readonly [data: number, doorbell: number]
  worker: readonly [data: number, doorbell: number]
}

/** @throws Error when this process has no descriptors left */
export function openPair(libc: Libc): LinkPair {
  const data = socketPair(libc, SOCK_SEQPACKET)
  try {
    const doorbell = socketPair(libc, SOCK_STREAM)
    return { primary: [data[0], doorbell[0]], worker: [data[1], doorbell[1]] }
  } catch (error) {
    for (const fd of data) libc.close(fd)
    throw error
  }
}

function socketPair(libc: Libc, type: number): readonly [number, number] {
  const pair = Buffer.alloc(8)
  const result = libc.socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)
  if (result < 0) throw new Error(`socketpair failed with errno ${-result}`)
  return [pair.readInt32LE(0), pair.readInt32LE(4)]
}

export interface LinkEvents {
  /** The worker received all up to number `seq`; the `lost` last of them did not fit into its descriptors. */
  received(seq: number, lost: number): void
  /** The worker's end is closed; everything it had to say was reported before. */
  gone(): void
}

/** The primary's end. */
export class PrimaryLink {
  readonly #libc: Libc
  readonly #data: number
  readonly #doorbell: Doorbell
  readonly #writer: DescriptorWriter
  readonly #events: LinkEvents
  #open = true

  constructor(libc: Libc, [data, doorbell]: LinkPair['primary'], events: LinkEvents) {
    this.#libc = libc
    this.#data = data
    this.#writer = descriptorWriter(libc, BODY_SIZE)
    this.#events = events
    this.#doorbell = new Doorbell(libc, doorbell, {
      bytes: (chunk) => this.#read(chunk),
      closed: () => this.#open && events.gone(),
    })
  }

  /** @returns whether it went out; false: try again after something was received. */
  send(kind: number, seq: number, descriptors: readonly number[], more?: Buffer): boolean {
    const { body } = this.#writer
    body[0] = kind
    body.writeUInt16LE(descriptors.length, 2)
    body.writeUInt32LE(seq, 4)
    const length = HEADER + (more?.copy(body, HEADER) ?? 0)
    const sent = this.#writer.send(this.#data, length, descriptors)
    if (sent >= 0) this.#doorbell.ring(RING.frame)
    // Any other error means that nobody is there to read; that shows on the doorbell.
    else if (sent !== -EAGAIN && sent !== -ETOOMANYREFS) this.#doorbell.destroy()
    return sent >= 0
  }

  /** Asks for an answer although there may be nothing to receive. */
  probe(): void {
    this.#doorbell.ring(RING.probe)
  }

  /** Nothing more will be sent. */
  end(): void {
    this.#libc.shutdown(this.#data, SHUT_WR)
    this.#doorbell.ring(RING.end)
  }

  /** Reads what the worker still said, then closes. */
  close(): void {
    if (!this.#open) return
    for (let rest = this.#doorbell.rest(); rest.length > 0; rest = this.#doorbell.rest()) this.#read(rest)
    this.#open = false
    this.#doorbell.destroy()
    this.#libc.close(this.#data)
  }

  /** Records are written whole into a local stream and are short, so they are never split. */
  #read(chunk: Buffer): void {
    for (let at = 0; at + RECORD <= chunk.length && this.#open; at += RECORD) {
      this.#events.received(chunk.readUInt32LE(at), chunk.readUInt32LE(at + 4))
    }
  }
}

/** One received frame. */
export interface Frame {
  kind: number
  /** Number of the first descriptor. */
  seq: number
  descriptors: readonly number[]
  /** What the sender added, copied. */
  more: Buffer | undefined
}

/** The worker's end: calls `onframe` after the receipt went out, and `onend` after the last frame. */
export function openWorkerLink(
  libc: Libc,
  [data, doorbell]: LinkPair['worker'],
  onframe: (frame: Frame) => void,
  onend: () => void,
): void {
  const reader = descriptorReader(libc, BODY_SIZE)
  const record = Buffer.alloc(RECORD)
  let last = 0xffffffff
  let ended = false
  const socket = new Doorbell(libc, doorbell, {
    bytes(chunk) {
      const frames = receiveFrames(chunk)
      if (frames.length > 0 || chunk.includes(RING.probe)) receipt(0)
      for (const frame of frames) onframe(frame)
      if (ended) onend()
    },
  })

  function receiveFrames(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    for (let i = 0; (i < chunk.length || chunk.length >= MANY) && !ended; i++) {
      if (chunk[i] === RING.probe) continue
      const size = reader.receive(data)
      if (size === 0) end()
      if (size <= 0) break
      frames.push(read(reader))
    }
    return frames
  }

  function read({ body, descriptors, length }: DescriptorReader): Frame {
    const count = body.readUInt16LE(2)
    const seq = body.readUInt32LE(4)
    last = (seq + count - 1) >>> 0
    // Frames before this one are told as received whole, this one in part.
    if (descriptors.length < count) receipt(count - descriptors.length)
    return {
      kind: body[0] ?? 0,
      seq,
      descriptors,
      more: length > HEADER ? Buffer.from(body.subarray(HEADER, length)) : undefined,
    }
  }

  function receipt(lost: number): void {
    record.writeUInt32LE(last, 0)
    record.writeUInt32LE(lost, 4)
    socket.write(record)
  }

  function end(): void {
    ended = true
    libc.close(data)
  }
}
