// The two socket pairs between primary and worker on Linux, and the frames on them.
//
// Descriptors travel on a SOCK_SEQPACKET pair, many per message. Node can not wait for such messages itself (libuv drops
// the descriptors on what it reads), so a byte on a second pair, the bell, wakes the other side; what the worker has
// received comes back on the bell.
import { Socket } from 'node:net'
import { EAGAIN, type Libc } from '../native/libc.ts'
import {
  descriptorReader,
  descriptorWriter,
  type DescriptorReader,
  type DescriptorWriter,
} from '../native/scm-rights.ts'

/** What a frame carries. */
export const FRAME = { connections: 0, listeners: 1 } as const

/** [kind u8][0 u8][count u16][number of the first u32], little-endian, then what `more` holds. */
const HEADER = 8
const BODY_SIZE = 64 * 1024

const RING = Buffer.from([0])
const RING_AND_ANSWER = Buffer.from([1])

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_SEQPACKET = 5
const SOCK_CLOEXEC = 0o2000000
const SOCK_NONBLOCK = 0o4000
const SHUT_WR = 1
const ETOOMANYREFS = 109

/** Descriptors of both ends; data before bell, in the order in which a worker inherits them. */
export interface LinkPair {
  primary: readonly [data: number, bell: number]
  worker: readonly [data: number, bell: number]
}

/** @throws Error when this process has no descriptors left */
export function openPair(libc: Libc): LinkPair {
  const pairs = [SOCK_SEQPACKET, SOCK_STREAM].map((type) => {
    const pair = Buffer.alloc(8)
    const result = libc.socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)
    if (result < 0) throw new Error(`socketpair failed with errno ${-result}`)
    return [pair.readInt32LE(0), pair.readInt32LE(4)] as const
  })
  const [data, bell] = pairs as [readonly [number, number], readonly [number, number]]
  return { primary: [data[0], bell[0]], worker: [data[1], bell[1]] }
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
  readonly #bell: Socket
  readonly #writer: DescriptorWriter
  readonly #events: LinkEvents
  #records: Buffer = Buffer.alloc(0)
  #open = true

  constructor(libc: Libc, [data, bell]: LinkPair['primary'], events: LinkEvents) {
    this.#libc = libc
    this.#data = data
    this.#writer = descriptorWriter(libc, BODY_SIZE)
    this.#events = events
    this.#bell = new Socket({ fd: bell, readable: true, writable: true })
    this.#bell.unref()
    this.#bell.on('data', (chunk) => this.#read(chunk))
    this.#bell.on('error', () => {}) // a reset is followed by 'close' too
    this.#bell.on('close', () => this.#open && events.gone())
  }

  /** @returns whether it went out; false: try again after something was received. */
  send(kind: number, seq: number, descriptors: readonly number[], more?: Buffer): boolean {
    const { body } = this.#writer
    body[0] = kind
    body.writeUInt16LE(descriptors.length, 2)
    body.writeUInt32LE(seq, 4)
    const length = HEADER + (more?.copy(body, HEADER) ?? 0)
    const sent = this.#writer.send(this.#data, length, descriptors)
    if (sent >= 0) this.#bell.write(RING)
    // Any other error means that nobody is there to read; that shows on the bell.
    else if (sent !== -EAGAIN && sent !== -ETOOMANYREFS) this.#bell.destroy()
    return sent >= 0
  }

  /** Asks for an answer although there may be nothing to receive. */
  probe(): void {
    this.#bell.write(RING_AND_ANSWER)
  }

  /** Nothing more will be sent. */
  end(): void {
    this.#libc.shutdown(this.#data, SHUT_WR)
    this.#bell.write(RING)
  }

  /** Reads what the worker still said, then closes. No event comes after it. */
  close(): void {
    if (!this.#open) return
    const rest = Buffer.alloc(4096)
    for (;;) {
      const fd = Reflect.get(Reflect.get(this.#bell, '_handle') ?? {}, 'fd') as number | undefined
      const size = fd === undefined || fd < 0 ? 0 : this.#libc.read(fd, rest, rest.length)
      if (size <= 0) break
      this.#read(rest.subarray(0, size))
    }
    this.#open = false
    this.#bell.destroy()
    this.#libc.close(this.#data)
  }

  #read(chunk: Buffer): void {
    const bytes = this.#records.length === 0 ? chunk : Buffer.concat([this.#records, chunk])
    let at = 0
    for (; at + 8 <= bytes.length; at += 8) {
      if (this.#open) this.#events.received(bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4))
    }
    this.#records = bytes.subarray(at)
  }
}

/** One received frame; `more` is valid during the call only. */
export interface Frame {
  kind: number
  /** How many descriptors were sent; `descriptors` has fewer where they did not fit. */
  count: number
  descriptors: readonly number[]
  more: Buffer
}

/** The worker's end: calls `onframe` after the receipt went out, and `onend` after the last frame. */
export function openWorkerLink(
  libc: Libc,
  [data, bell]: LinkPair['worker'],
  onframe: (frame: Frame) => void,
  onend: () => void,
): void {
  const reader = descriptorReader(libc, BODY_SIZE)
  let last = 0xffffffff
  let ended = false
  const socket = new Socket({ fd: bell, readable: true, writable: true })
  // What keeps a worker running is its IPC channel.
  socket.unref()
  socket.on('error', () => {}) // the primary is gone; that shows on the IPC channel
  const receipt = (lost: number): void => {
    const record = Buffer.allocUnsafe(8)
    record.writeUInt32LE(last, 0)
    record.writeUInt32LE(lost, 4)
    socket.write(record)
  }
  socket.on('data', (chunk) => {
    while (!ended && receive(reader, data)) {
      const count = reader.body.readUInt16LE(2)
      last = (reader.body.readUInt32LE(4) + count - 1) >>> 0
      receipt(count - reader.descriptors.length)
      onframe({
        kind: reader.body[0] ?? 0,
        count,
        descriptors: reader.descriptors,
        more: reader.body.subarray(HEADER, reader.length),
      })
    }
    if (chunk.includes(1)) receipt(0)
  })

  function receive(from: DescriptorReader, fd: number): boolean {
    const size = from.receive(fd)
    if (size > 0) return true
    if (size === 0) {
      ended = true
      libc.close(data)
      onend()
    }
    return false
  }
}
