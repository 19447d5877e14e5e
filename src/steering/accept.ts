// How accepted connections are taken off the listening socket, from the portable way to the cheap one.
import type { Server, Socket } from 'node:net'
import { parseAddress } from '../affinity/address.ts'
import { acceptor } from '../native/accept.ts'
import type { Libc } from '../native/libc.ts'
import { handleOf, tcpHandles, type TcpHandle } from '../native/tcp-handle.ts'
import type { World } from '../world.ts'
import { DescriptorConnection, HandleConnection, peerAddress, type IncomingConnection } from './connection.ts'
import { AcceptCoalescing } from './handoff/accept-coalescing.ts'

/**
 * Takes over a connection.
 *
 * @param address - 4 or 16 bytes, valid during the call only; undefined when the client reset before it was accepted
 */
export type AcceptFunction = (incoming: IncomingConnection, address: Buffer | undefined) => void

/** The most connections taken in one go, so that receipts and signals get their turn in a flood. */
const BURST = 64

/** The public way: a net.Socket for each connection. */
export function acceptSockets(server: Server, accept: AcceptFunction): void {
  server.on('connection', (socket: Socket) => {
    // A client that resets while it waits is an 'error' on a socket that nobody reads; it shows in the worker.
    socket.on('error', () => {})
    const handle = handleOf(socket)
    if (handle !== undefined) accept(new HandleConnection(handle, socket), parseAddress(socket.remoteAddress))
  })
}

/** What accepting below Node needs. */
export interface NativeAccept {
  libc: Libc
  /** Tells how close together connections come. */
  clock: Pick<World, 'now'>
}

/**
 * The cheap way, which node:cluster uses too: the handle's own callback, without a net.Socket. With `native` the rest of
 * a burst is accepted without Node altogether.
 *
 * @returns whether this Node has it; false: use {@link acceptSockets}
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
    // Out of descriptors and the like: libuv has closed the connection, there is nothing to take.
    if (status === 0 && handle !== undefined) accept(new HandleConnection(handle, handle), peerAddress(handle))
  }
}

function inBursts({ libc, clock }: NativeAccept, listening: number, accept: AcceptFunction): OnConnection {
  const below = belowNode(libc, listening, accept)
  const coalescing = new AcceptCoalescing()
  /** Nobody ever changes it: it is only there to be waited for. */
  const nothing = new Int32Array(new SharedArrayBuffer(4))
  return (status, handle) => {
    if (status !== 0 || handle === undefined) return
    const pause = coalescing.before(clock.now())
    // Timers are too coarse, and all that this process does is to pass on what gathers here.
    if (pause > 0) Atomics.wait(nothing, 0, 0, pause)
    accept(new HandleConnection(handle, handle), below.peer(handle.fd))
    coalescing.after(clock.now(), 1 + below.drain())
  }
}

/** Takes all that is queued on a socket that is about to be closed. */
export function drainBacklog(libc: Libc, listening: number, accept: AcceptFunction): void {
  belowNode(libc, listening, accept).drain(Infinity)
}

/** The same with bare system calls: no handle, no text, and the bytes of one sockaddr for all. */
function belowNode(libc: Libc, listening: number, accept: AcceptFunction) {
  const { next, peer } = acceptor(libc)
  const calls = { close: (fd: number) => void libc.close(fd), open: tcpHandles(libc) }
  return {
    peer(fd: number): Buffer | undefined {
      return libc.getpeername(fd, peer.bytes, peer.length()) === 0 ? peer.address() : undefined
    },
    /** @returns how many there were */
    drain(most = BURST): number {
      for (let i = 0; i < most; i++) {
        const fd = next(listening)
        // Nobody else waits, or an error that libuv will meet and handle at its next accept.
        if (fd < 0) return i
        accept(new DescriptorConnection(fd, calls), peer.address())
      }
      return most
    },
  }
}
