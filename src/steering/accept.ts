// How accepted connections are taken off the listening socket, from the portable way to the cheap one.
import type { Server, Socket } from 'node:net'
import { parseAddress } from '../affinity/address.ts'
import { EINTR, type Libc } from '../native/libc.ts'
import { sockaddrAddress, SOCKADDR_SIZE } from '../native/sockaddr.ts'
import { handleOf, type TcpHandle } from '../transport/tcp-handle.ts'

/** A connection that was accepted and not read from. */
export interface Incoming {
  readonly fd: number
  /** undefined when it was accepted below Node. */
  readonly handle: TcpHandle | undefined
  readonly close: () => void
}

/**
 * Takes over a connection.
 *
 * @param address - 4 or 16 bytes, valid during the call only; undefined when the client reset before it was accepted
 */
export type AcceptFunction = (incoming: Incoming, address: Buffer | undefined) => void

/** The most connections taken in one go, so that receipts and signals get their turn in a flood. */
const BURST = 64

const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000

/** The public way: a net.Socket for each connection. */
export function acceptSockets(server: Server, accept: AcceptFunction): void {
  server.on('connection', (socket: Socket) => {
    // A client that resets while it waits is an 'error' on a socket that nobody reads; it shows in the worker.
    socket.on('error', () => {})
    const handle = handleOf(socket)
    if (handle === undefined) return
    accept({ fd: handle.fd, handle, close: () => socket.destroy() }, parseAddress(socket.remoteAddress))
  })
}

/**
 * The cheap way, which node:cluster uses too: the handle's own callback, without a net.Socket. With `libc` the rest of
 * a burst is accepted without Node altogether.
 *
 * @returns whether this Node has it; false: use {@link acceptSockets}
 */
export function acceptHandles(server: Server, accept: AcceptFunction, libc: Libc | undefined): boolean {
  const listening = handleOf(server as never)
  if (typeof listening?.onconnection !== 'function' || typeof listening.getpeername !== 'function') return false
  const drain = libc === undefined ? () => {} : drainer(libc, listening.fd, accept)
  listening.onconnection = (status, handle) => {
    // Out of descriptors and the like: libuv has closed the connection, there is nothing to take.
    if (status !== 0 || handle === undefined) return
    const peer: { address?: string } = {}
    const known = handle.getpeername(peer) === 0
    accept({ fd: handle.fd, handle, close: () => handle.close() }, known ? parseAddress(peer.address) : undefined)
    drain()
  }
  return true
}

function drainer(libc: Libc, listening: number, accept: AcceptFunction): () => void {
  const sockaddr = Buffer.alloc(SOCKADDR_SIZE)
  const length = Buffer.alloc(4)
  return () => {
    for (let i = 0; i < BURST; i++) {
      length.writeUInt32LE(SOCKADDR_SIZE)
      const fd = libc.accept4(listening, sockaddr, length, SOCK_NONBLOCK | SOCK_CLOEXEC)
      if (fd === -EINTR) continue
      // Nobody else waits, or an error that libuv will meet and handle at its next accept.
      if (fd < 0) return
      accept({ fd, handle: undefined, close: () => void libc.close(fd) }, sockaddrAddress(sockaddr))
    }
  }
}
