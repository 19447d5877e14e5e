// accept4(2) until there is nothing more: the one loop for everybody who accepts below Node.
import { EINTR, SOCK_CLOEXEC, SOCK_NONBLOCK } from './constants.ts'
import type { Libc } from './libc.ts'
import { sockaddrReader, type SockaddrReader } from './sockaddr.ts'

export interface Acceptor {
  /** Takes a connection out of a listening socket's queue. @returns its descriptor, or minus errno: nobody waits */
  readonly next: (listening: number) => number
  /** Who connected last; changes with the next one. */
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
