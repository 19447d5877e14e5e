// How accepted connections are taken off the listening socket, from the portable way to the cheap one.
import type { WorkerChannel } from '../ipc/channel.ts'
import type { Server, Socket } from 'node:net'
import { parseAddress } from '../affinity/address.ts'
import { acceptor } from '../native/accept.ts'
import type { Libc } from '../native/libc.ts'
import { handleOf, tcpHandles, type TcpHandle } from '../native/tcp-handle.ts'
import type { Accepted } from '../transport/transport.ts'
import type { World } from '../world.ts'
import { AcceptCoalescing } from './handoff/accept-coalescing.ts'

/** A connection that was accepted and not read from; whoever takes it over fills in the slot and the time. */
export interface Incoming extends Accepted {
  slot: number
  acceptedAt: number
  /** The client's key in hex, where connections are counted by it. */
  key: string
  metadata: Buffer | undefined
  to: WorkerChannel | undefined
  /** Node's handle over it, for somebody who reads from it; closed by `close()` as before. */
  own(): TcpHandle
}

/**
 * Takes over a connection.
 *
 * @param address - 4 or 16 bytes, valid during the call only; undefined when the client reset before it was accepted
 */
export type AcceptFunction = (incoming: Incoming, address: Buffer | undefined) => void

/** The most connections taken in one go, so that receipts and signals get their turn in a flood. */
const BURST = 64

/** The public way: a net.Socket for each connection. */
export function acceptSockets(server: Server, accept: AcceptFunction): void {
  server.on('connection', (socket: Socket) => {
    // A client that resets while it waits is an 'error' on a socket that nobody reads; it shows in the worker.
    socket.on('error', () => {})
    const handle = handleOf(socket)
    if (handle !== undefined) accept(new Connection(handle, socket), parseAddress(socket.remoteAddress))
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
    if (status === 0 && handle !== undefined) accept(new Connection(handle, handle), peerOf(handle))
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
    accept(new Connection(handle, handle), below.peer(handle.fd))
    coalescing.after(clock.now(), 1 + below.drain())
  }
}

/** Takes all that is queued on a socket that is about to be closed. */
export function drainBacklog(libc: Libc, listening: number, accept: AcceptFunction): void {
  belowNode(libc, listening, accept).drain(Infinity)
}

/** Who is at the other end: 4 or 16 bytes. */
export function peerOf(handle: TcpHandle): Buffer | undefined {
  const peer: { address?: string } = {}
  return handle.getpeername(peer) === 0 ? parseAddress(peer.address) : undefined
}

/** The same with bare system calls: no handle, no text, and the bytes of one sockaddr for all. */
function belowNode(libc: Libc, listening: number, accept: AcceptFunction) {
  const { next, peer } = acceptor(libc)
  const bare = { close: (fd: number) => void libc.close(fd), open: tcpHandles(libc) }
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
        accept(new BareConnection(fd, bare), peer.address())
      }
      return most
    },
  }
}

export class Connection implements Incoming {
  readonly fd: number
  readonly handle: TcpHandle
  slot = 0
  seq = 0
  key = ''
  acceptedAt = 0
  metadata: Buffer | undefined
  to: WorkerChannel | undefined
  #closable: TcpHandle | Socket

  constructor(handle: TcpHandle, closable: TcpHandle | Socket = handle) {
    this.fd = handle.fd
    this.handle = handle
    this.#closable = closable
  }

  own(): TcpHandle {
    const socket = this.#closable
    this.#closable = this.handle
    if ('destroy' in socket) {
      // Takes it off its server's count, and leaves the handle alone.
      Reflect.set(socket, '_handle', null)
      socket.destroy()
    }
    return this.handle
  }

  close(): void {
    if ('destroy' in this.#closable) this.#closable.destroy()
    else this.#closable.close()
  }
}

/** What can be done with a bare descriptor. */
interface Bare {
  close(fd: number): void
  open(fd: number): TcpHandle
}

/** A class, and not an object with a closure, for there is one per connection. */
class BareConnection implements Incoming {
  readonly fd: number
  handle: TcpHandle | undefined
  slot = 0
  seq = 0
  key = ''
  acceptedAt = 0
  metadata: Buffer | undefined
  to: WorkerChannel | undefined
  readonly #bare: Bare

  constructor(fd: number, bare: Bare) {
    this.fd = fd
    this.#bare = bare
  }

  own(): TcpHandle {
    this.handle = this.#bare.open(this.fd)
    return this.handle
  }

  close(): void {
    if (this.handle === undefined) this.#bare.close(this.fd)
    else this.handle.close()
  }
}
