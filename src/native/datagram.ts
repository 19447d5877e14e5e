// Sends a message, also with descriptors, to a Unix datagram socket (unix(7)). Node does not support these sockets.
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM } from './constants.ts'
import type { Libc } from './libc.ts'
import { descriptorWriter } from './scm-rights.ts'

/** sizeof(sun_path) */
const MAX_PATH = 108

/**
 * The bytes of a struct sockaddr_un.
 *
 * @param name - an absolute path, or a name in the abstract namespace with an @ in place of the leading NUL
 * @returns undefined when the name is neither, or too long
 */
export function unixAddress(name: string): Buffer | undefined {
  const abstract = name.startsWith('@')
  if (!abstract && !name.startsWith('/')) return undefined
  // A NUL ends a path. The length of the address ends an abstract name.
  const path = Buffer.from(abstract ? `\0${name.slice(1)}` : `${name}\0`)
  if (path.length > MAX_PATH) return undefined
  return Buffer.concat([Buffer.from(Uint16Array.of(AF_UNIX).buffer), path])
}

/**
 * Sends one message without waiting. Each message uses a new socket, because the receiver may have been replaced since
 * the last one.
 *
 * @param address - from {@link unixAddress}
 * @returns bytes sent, or minus errno (EAGAIN: the receiver's queue is full)
 */
export function sendDatagram(libc: Libc, address: Buffer, text: string, descriptors: readonly number[] = []): number {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) return fd
  try {
    const connected = libc.connect(fd, address, address.length)
    if (connected < 0) return connected
    const length = Buffer.byteLength(text)
    const writer = descriptorWriter(libc, length)
    writer.body.write(text)
    return writer.send(fd, length, descriptors)
  } finally {
    libc.close(fd)
  }
}
