// The primary's listening socket: accepts, reads nothing.
import { createServer, type Server } from 'node:net'
import { misuse, show } from '../options/reader.ts'
import type { Address } from '../ipc/messages.ts'
import { handleOf } from '../native/tcp-handle.ts'
import { acceptHandles, acceptSockets, drainBacklog, type AcceptFunction, type NativeAccept } from './accept.ts'
import type { PassedSockets } from '../service-manager/kept-sockets.ts'
import { listen, type ListenOptions } from './listen.ts'

/** An open listening socket. */
export interface Listener {
  readonly address: Address
  /** Leaves new connections in the kernel's queue. @returns false where that can not be done */
  pause(): boolean
  /** Accepts again. */
  resume(): void
  /** Takes what is queued, then stops. Resolves when the socket is closed. */
  close(): Promise<void>
}

/** Opens one that gives its connections to that function. */
export type Listen = (accept: AcceptFunction) => Promise<Listener>

const F_DUPFD_CLOEXEC = 1030

/**
 * A listening socket of our own, see {@link openListener}.
 *
 * @param native - for a transport that can pass bare descriptors
 * @param passed - may have one to use
 */
export function listening(options: ListenOptions, native: NativeAccept | undefined, passed?: PassedSockets): Listen {
  return (accept) => openListener(options, native, accept, passed)
}

/**
 * Opens the socket, unless one was passed in, and accepts from then on.
 *
 * @param native - with it connections are accepted below Node, and have no handle
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_BAD_ACTIVATION
 */
export async function openListener(
  options: ListenOptions,
  native: NativeAccept | undefined,
  accept: AcceptFunction,
  passed?: PassedSockets,
): Promise<Listener> {
  let server = newServer()
  /** The same socket under another descriptor, while paused. */
  let held: number | undefined
  const inherited = await passed?.listener(options)
  await listen(server, options, inherited)
  if (inherited === undefined) passed?.keepListener(descriptorOf(server), options)
  const start = (): void => {
    if (!acceptHandles(server, accept, native)) acceptSockets(server, accept)
  }
  const resume = (): void => {
    if (held === undefined) return
    server = newServer().listen({ fd: held, exclusive: true }, options.backlog, start)
    held = undefined
  }
  start()
  return {
    address: server.address() as Address,
    // There is no pause in Node or libuv. But a socket lives on while any descriptor of it is open, queue and all.
    pause() {
      const fd = native?.libc.fcntl(descriptorOf(server), F_DUPFD_CLOEXEC, 0)
      if (fd === undefined || fd < 0) return false
      held = fd
      server.close()
      return true
    },
    resume,
    async close() {
      resume()
      if (native !== undefined) drainBacklog(native.libc, descriptorOf(server), accept)
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

/**
 * Accepts what comes to a server that the application lets listen. The server itself hears of nothing.
 *
 * @throws TypeError with code HOLDFAST_BAD_OPTION where it does not listen on a TCP port
 */
export function takeOver(server: Server, accept: AcceptFunction): Listener {
  const address = server.address()
  if (address === null || typeof address === 'string') {
    const write = 'httpServer.listen(3000)'
    throw misuse(TypeError, `expected a server that listens on a TCP port, got ${show(address)}; write ${write}`)
  }
  // What would read, and where sockets are made after all, nothing is read from them.
  server.removeAllListeners('connection')
  Object.assign(server, { pauseOnConnect: true })
  if (!acceptHandles(server, accept, undefined)) acceptSockets(server, accept)
  return {
    address: address as Address,
    pause: () => false,
    resume() {},
    close: () => new Promise((done) => void server.close(() => done())),
  }
}

function newServer(): Server {
  // pauseOnConnect: a byte read here would be lost to the worker.
  return createServer({ pauseOnConnect: true, allowHalfOpen: true })
}

function descriptorOf(server: Server): number {
  return handleOf(server)?.fd ?? -1
}
