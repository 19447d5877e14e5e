// Accepts connections with accept4(2), without a handle of Node.
import { EINTR, SOCK_CLOEXEC, SOCK_NONBLOCK } from './constants.ts'
import type { Libc } from './libc.ts'
import { sockaddrReader, type SockaddrReader } from './sockaddr.ts'

export interface Acceptor {
  /** Accepts one queued connection. @returns its descriptor, or minus errno: -EAGAIN when the queue is empty */
  readonly next: (listening: number) => number
  /** The peer of the connection accepted last. The next accept overwrites it. */
  readonly peer: SockaddrReader
}

export function acceptor(libc: Libc): Acceptor {
  const peer = sockaddrReader()
  return {
    peer,
    next(listening) {
      for (;;) {
        const fd = libc.accept4(listening, peer.bytes, peer.length(), SOCK_NONBLOCK | SOCK_CLOEXEC)
        if (fd !== -EINTR) return fd
      }
    },
  }
}
