// The two socket pairs between primary and worker on Linux, and the frames on them.
//
// Descriptors travel on a SOCK_SEQPACKET pair, many per frame. Node cannot wait for such frames (libuv drops the
// descriptors on what it reads itself), so a byte on a second pair, the doorbell, wakes the worker. The worker's
// receipts come back on the doorbell.
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

/** Kinds of frames: what the descriptors are, and what the payload holds. */
export const FRAME = {
  /** Connections; the payload is their metadata (metadata.ts). */
  connections: 0,
  /** Listening sockets of slots; the payload is the number of each socket, as u16, little-endian. */
  slotSockets: 1,
} as const

/**
 * A frame: [kind u8][0 u8][number of descriptors u16][sequence number of the first u32], little-endian, then the
 * payload.
 */
const HEADER_SIZE = 8

/**
 * A receipt: [sequence number of the last descriptor u32][how many of the last ones did not arrive u32], little-endian.
 */
const RECEIPT_SIZE = 8

const MAX_FRAME = 64 * 1024

/** Bytes of payload in one frame, at most. */
export const MAX_PAYLOAD = MAX_FRAME - HEADER_SIZE

/**
 * A doorbell that is full drops bytes. So when this many bytes arrive at once, there may be more frames than bytes, and
 * the worker reads frames until there are none.
 */
const MANY_RINGS = 64

/** The descriptors of both ends, in the order in which a worker inherits its own. */
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
  /**
   * The worker has all descriptors up to number `seq`, without the last `undelivered` ones: it had no room for those.
   */
  onReceipt(seq: number, undelivered: number): void
  /** The worker's end is closed, and all its receipts were reported. */
  onClosed(): void
}

/** The primary's end. */
export class PrimaryLink {
  readonly #libc: Libc
  readonly #data: number
  readonly #doorbell: Doorbell
  readonly #writer: DescriptorWriter
  readonly #events: LinkEvents
  #isOpen = true

  constructor(libc: Libc, [data, doorbell]: LinkPair['primary'], events: LinkEvents) {
    this.#libc = libc
    this.#data = data
    this.#writer = descriptorWriter(libc, MAX_FRAME)
    this.#events = events
    this.#doorbell = new Doorbell(libc, doorbell, {
      onBytes: (bytes) => this.#readReceipts(bytes),
      onClosed: () => this.#isOpen && events.onClosed(),
    })
  }

  /**
   * Sends a frame.
   *
   * @param kind - of {@link FRAME}
   * @param seq - sequence number of the first descriptor, a uint32
   * @param payload - {@link MAX_PAYLOAD} bytes at most
   * @returns false when the frame was not sent: try again after the next receipt
   */
  send(kind: number, seq: number, descriptors: readonly number[], payload?: Buffer): boolean {
    const { body } = this.#writer
    body[0] = kind
    body.writeUInt16LE(descriptors.length, 2)
    body.writeUInt32LE(seq, 4)
    const length = HEADER_SIZE + (payload?.copy(body, HEADER_SIZE) ?? 0)
    const sent = this.#writer.send(this.#data, length, descriptors)
    if (sent >= 0) this.#doorbell.ring(RING.frame)
    // Any other error means that the worker's end is closed, which the doorbell reports.
    else if (sent !== -EAGAIN && sent !== -ETOOMANYREFS) this.#doorbell.destroy()
    return sent >= 0
  }

  /** Asks for a receipt, also where no frame is on its way. */
  probe(): void {
    this.#doorbell.ring(RING.probe)
  }

  /** Tells the worker that no frame will follow. */
  end(): void {
    this.#libc.shutdown(this.#data, SHUT_WR)
    this.#doorbell.ring(RING.end)
  }

  /** Reads the receipts that have arrived, then closes. */
  close(): void {
    if (!this.#isOpen) return
    for (let rest = this.#doorbell.readRest(); rest.length > 0; rest = this.#doorbell.readRest()) {
      this.#readReceipts(rest)
    }
    this.#isOpen = false
    this.#doorbell.destroy()
    this.#libc.close(this.#data)
  }

  /** Receipts are short and are written whole into a local stream, so they are never split. */
  #readReceipts(bytes: Buffer): void {
    for (let at = 0; at + RECEIPT_SIZE <= bytes.length && this.#isOpen; at += RECEIPT_SIZE) {
      this.#events.onReceipt(bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4))
    }
  }
}

/** A frame that has arrived. */
export interface Frame {
  /** See {@link FRAME}. */
  kind: number
  /** Sequence number of the first descriptor. */
  seq: number
  /** Those that arrived: the last ones are missing where this process had no room for them. */
  descriptors: readonly number[]
  /** A copy of the payload; undefined where the frame had none. */
  payload: Buffer | undefined
}

/**
 * Opens the worker's end.
 *
 * @param onFrame - called after the receipt for the frame went out
 * @param onEnd - called once, after the last frame
 */
export function openWorkerLink(
  libc: Libc,
  [data, doorbellDescriptor]: LinkPair['worker'],
  onFrame: (frame: Frame) => void,
  onEnd: () => void,
): void {
  const reader = descriptorReader(libc, MAX_FRAME)
  const receipt = Buffer.alloc(RECEIPT_SIZE)
  let lastSeq = 0xffffffff
  let isEnded = false
  const doorbell = new Doorbell(libc, doorbellDescriptor, {
    onBytes(rings) {
      const frames = receiveFrames(rings)
      if (frames.length > 0 || rings.includes(RING.probe)) sendReceipt(0)
      for (const frame of frames) onFrame(frame)
      if (isEnded) onEnd()
    },
  })

  function receiveFrames(rings: Buffer): Frame[] {
    const frames: Frame[] = []
    for (let i = 0; (i < rings.length || rings.length >= MANY_RINGS) && !isEnded; i++) {
      if (rings[i] === RING.probe) continue
      const size = reader.receive(data)
      if (size === 0) end()
      if (size <= 0) break
      frames.push(readFrame(reader))
    }
    return frames
  }

  function readFrame({ body, descriptors, length }: DescriptorReader): Frame {
    const count = body.readUInt16LE(2)
    const seq = body.readUInt32LE(4)
    lastSeq = (seq + count - 1) >>> 0
    // A receipt of its own: it says that the frames before this one arrived whole, and this one in part.
    if (descriptors.length < count) sendReceipt(count - descriptors.length)
    return {
      kind: body[0] ?? 0,
      seq,
      descriptors,
      payload: length > HEADER_SIZE ? Buffer.from(body.subarray(HEADER_SIZE, length)) : undefined,
    }
  }

  function sendReceipt(undelivered: number): void {
    receipt.writeUInt32LE(lastSeq, 0)
    receipt.writeUInt32LE(undelivered, 4)
    doorbell.write(receipt)
  }

  function end(): void {
    isEnded = true
    libc.close(data)
  }
}
