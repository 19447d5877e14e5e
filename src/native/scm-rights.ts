// Sends and receives descriptors in messages: sendmsg and recvmsg with SCM_RIGHTS, see cmsg(3) and unix(7). The layouts
// are those of struct msghdr, iovec and cmsghdr on 64-bit little-endian Linux, the same in glibc and musl. Of each
// size_t length only the low half is written.
import { MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL, SCM_RIGHTS, SOL_SOCKET } from './constants.ts'
import type { Libc } from './libc.ts'

/** The most descriptors in one message (SCM_MAX_FD of the kernel). */
export const MAX_DESCRIPTORS = 253

const CMSG_HEADER = 16
const CONTROL_SIZE = CMSG_HEADER + MAX_DESCRIPTORS * 4 + 4

// One block of memory: msghdr (56 bytes), iovec (16 bytes), control message, body.
const IOVEC = 56
const CONTROL = 72
const BODY = CONTROL + CONTROL_SIZE + (-(CONTROL + CONTROL_SIZE) & 7)

interface Frame {
  block: Buffer
  /** The message body within the block. */
  body: Buffer
}

function frame(libc: Libc, bodySize: number): Frame {
  // Not from Node's pool of buffers: the block holds pointers into itself.
  const block = Buffer.alloc(BODY + bodySize)
  const base = libc.pointerTo(block)
  block.writeBigUInt64LE(base + BigInt(IOVEC), 16) // msg_iov
  block.writeUInt32LE(1, 24) // msg_iovlen
  block.writeBigUInt64LE(base + BigInt(CONTROL), 32) // msg_control
  block.writeBigUInt64LE(base + BigInt(BODY), IOVEC) // iov_base
  return { block, body: block.subarray(BODY) }
}

export interface DescriptorWriter {
  /** The caller fills it before `send`. */
  readonly body: Buffer
  /** Sends the first `length` bytes of the body with the descriptors. @returns bytes sent, or minus errno */
  send(fd: number, length: number, descriptors: readonly number[]): number
}

export function descriptorWriter(libc: Libc, bodySize: number): DescriptorWriter {
  const { block, body } = frame(libc, bodySize)
  block.writeInt32LE(SOL_SOCKET, CONTROL + 8)
  block.writeInt32LE(SCM_RIGHTS, CONTROL + 12)
  return {
    body,
    send(fd, length, descriptors) {
      const bytes = descriptors.length * 4
      block.writeUInt32LE(length, IOVEC + 8)
      block.writeUInt32LE(CMSG_HEADER + bytes, CONTROL)
      // CMSG_SPACE: padded to eight bytes. Without descriptors there is no control message.
      block.writeUInt32LE(bytes === 0 ? 0 : CMSG_HEADER + bytes + (bytes & 4), 40)
      for (let i = 0; i < descriptors.length; i++) {
        block.writeInt32LE(descriptors[i] ?? -1, CONTROL + CMSG_HEADER + i * 4)
      }
      return libc.sendmsg(fd, block, MSG_DONTWAIT | MSG_NOSIGNAL)
    },
  }
}

export interface DescriptorReader {
  /** Valid until the next `receive`. */
  readonly body: Buffer
  /** Bytes of the last message in the body. */
  readonly length: number
  /**
   * The descriptors of the last message. They are fewer than the sender sent when this process has too many open ones
   * (MSG_CTRUNC).
   */
  readonly descriptors: readonly number[]
  /** @returns bytes in the body; 0 when the other side has closed; or minus errno (EAGAIN: there is no message) */
  receive(fd: number): number
}

export function descriptorReader(libc: Libc, bodySize: number): DescriptorReader {
  const { block, body } = frame(libc, bodySize)
  const reader = {
    body,
    length: 0,
    descriptors: [] as number[],
    receive(fd: number): number {
      block.writeUInt32LE(bodySize, IOVEC + 8)
      block.writeUInt32LE(CONTROL_SIZE, 40)
      block.writeInt32LE(0, 48)
      const received = libc.recvmsg(fd, block, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
      reader.descriptors = received > 0 ? readControl(block) : []
      reader.length = Math.max(0, received)
      return received
    },
  }
  return reader
}

function readControl(block: Buffer): number[] {
  const filled = block.readUInt32LE(40)
  if (filled < CMSG_HEADER) return []
  if (block.readInt32LE(CONTROL + 8) !== SOL_SOCKET || block.readInt32LE(CONTROL + 12) !== SCM_RIGHTS) return []
  const count = (block.readUInt32LE(CONTROL) - CMSG_HEADER) >> 2
  const descriptors: number[] = []
  for (let i = 0; i < count; i++) descriptors.push(block.readInt32LE(CONTROL + CMSG_HEADER + i * 4))
  return descriptors
}
