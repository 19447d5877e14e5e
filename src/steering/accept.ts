// How connections are accepted from a listening socket: the public way of Node, and two cheaper ones.
import type { Server, Socket } from 'node:net'
import { parseAddress } from '../affinity/address.ts'
import { acceptor } from '../native/accept.ts'
import type { Libc } from '../native/libc.ts'
import { handleOf, tcpHandles, type TcpHandle } from '../native/tcp-handle.ts'
import type { World } from '../world.ts'
import { DescriptorConnection, HandleConnection, peerAddress, type IncomingConnection } from './connection.ts'
import { AcceptCoalescing } from './handoff/accept-coalescing.ts'

/**
 * Takes over a connection that was accepted.
 *
 * @param address - of the peer, 4 or 16 bytes, valid during the call only; undefined when the client has reset the
 *   connection
 */
export type AcceptFunction = (connection: IncomingConnection, address: Buffer | undefined) => void

/**
 * Connections accepted in one turn of the event loop, at most, so that acknowledgements and signals are not held up.
 */
const MAX_BURST = 64

/** Accepts in the public way: Node makes a net.Socket for each connection. */
export function acceptSockets(server: Server, accept: AcceptFunction): void {
  server.on('connection', (socket: Socket) => {
    // A reset by the client is an 'error' on this socket, which is not read from. The worker sees the reset too.
    socket.on('error', () => {})
    const handle = handleOf(socket)
    if (handle !== undefined) accept(new HandleConnection(handle, socket), parseAddress(socket.remoteAddress))
  })
}

/** What accepting by system calls needs. */
export interface NativeAccept {
  libc: Libc
  /** Tells how close together connections come. */
  clock: Pick<World, 'now'>
}

/**
 * Accepts with the callback of the server's handle, without a net.Socket, as node:cluster does.
 *
 * @param native - where it is given, Node accepts the first connection of a burst, and system calls the others
 * @returns false, without accepting, where this version of Node lacks the callback: use {@link acceptSockets}
 */
export function acceptHandles(server: Server, accept: AcceptFunction, native: NativeAccept | undefined): boolean {
  const listening = handleOf(server)
  if (typeof listening?.onconnection !== 'function' || typeof listening.getpeername !== 'function') return false
  listening.onconnection = native === undefined ? oneByOne(accept) : inBursts(native, listening.fd, accept)
  return true
}

type OnConnection = NonNullable<TcpHandle['onconnection']>

function oneByOne(accept: AcceptFunction): OnConnection {
  return (status, handle) => {
    // An error, such as no descriptors left: libuv has closed the connection.
    if (status === 0 && handle !== undefined) accept(new HandleConnection(handle), peerAddress(handle))
  }
}

function inBursts({ libc, clock }: NativeAccept, listening: number, accept: AcceptFunction): OnConnection {
  const systemAccept = acceptBySystemCalls(libc, listening, accept)
  const coalescing = new AcceptCoalescing()
  /** Atomics.wait() waits for a change of this memory, which never comes, until its timeout. */
  const unchanging = new Int32Array(new SharedArrayBuffer(4))
  return (status, handle) => {
    if (status !== 0 || handle === undefined) return
    const pause = coalescing.before(clock.now())
    // Timers are too coarse. Blocking is harmless, for the primary has no other work than these connections.
    if (pause > 0) Atomics.wait(unchanging, 0, 0, pause)
    accept(new HandleConnection(handle), systemAccept.peerAddress(handle.fd))
    coalescing.after(clock.now(), 1 + systemAccept.drain(MAX_BURST))
  }
}

/** Accepts all connections that are queued on a listening socket that is about to be closed. */
export function drainBacklog(libc: Libc, listening: number, accept: AcceptFunction): void {
  acceptBySystemCalls(libc, listening, accept).drain(Infinity)
}

/** Accepts without handles and without addresses as text. All calls share the memory of one sockaddr. */
function acceptBySystemCalls(libc: Libc, listening: number, accept: AcceptFunction) {
  const { next, peer } = acceptor(libc)
  const calls = { close: (fd: number) => void libc.close(fd), open: tcpHandles(libc) }
  return {
    /** The address at the other end of a connection; undefined when the client has reset it. */
    peerAddress(fd: number): Buffer | undefined {
      return libc.getpeername(fd, peer.bytes, peer.length()) === 0 ? peer.address() : undefined
    },
    /** Accepts what is queued, at most so many connections. @returns how many there were */
    drain(max: number): number {
      for (let count = 0; count < max; count++) {
        const fd = next(listening)
        // The queue is empty, or there is an error, which libuv meets and handles at its next accept.
        if (fd < 0) return count
        accept(new DescriptorConnection(fd, calls), peer.address())
      }
      return max
    },
  }
}
