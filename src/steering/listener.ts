// A listening socket of the primary. It accepts, and reads nothing.
import type { Server } from 'node:net'
import { F_DUPFD_CLOEXEC } from '../native/constants.ts'
import type { Address, ListenTarget } from '../ipc/listen-target.ts'
import { handleOf } from '../native/tcp-handle.ts'
import { misuse, show } from '../options/reader.ts'
import type { PassedSockets } from '../service-manager/kept-sockets.ts'
import { acceptHandles, acceptSockets, drainBacklog, type AcceptFunction, type NativeAccept } from './accept.ts'
import { closeServer, listen, newServer, type ListenOptions } from './listen.ts'

/** An open listening socket. */
export interface Listener {
  /** What `server.address()` returns. */
  readonly address: Address | string
  /** Leaves new connections in the kernel's queue. @returns false where that is not possible */
  pause(): boolean
  /** Accepts again. */
  resume(): void
  /**
   * Listens again where the file of a Unix socket was removed, as programs do that look for a left-over file before they
   * listen. Only a listener on a path has this method.
   */
  restore?(): Promise<void>
  /** Accepts what is queued, then stops. Resolves when the socket is closed. */
  close(): Promise<void>
}

export interface TcpListener extends Listener {
  readonly address: Address
}

/** Opens a listener that gives its connections to the function. */
export type Listen = (target: ListenTarget, accept: AcceptFunction) => Promise<Listener>

/**
 * Opens a listening socket, and accepts from then on.
 *
 * @param native - where it is given, connections are accepted by system calls and have no handle
 * @param passed - a socket that was passed in is used instead of a new one
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_BAD_ACTIVATION
 */
export async function openListener(
  options: ListenOptions,
  native: NativeAccept | undefined,
  accept: AcceptFunction,
  passed?: PassedSockets,
): Promise<TcpListener> {
  let server = options.bound ?? newServer()
  /** While the listener is paused: another descriptor of the same socket. */
  let pausedDescriptor: number | undefined
  const inherited = await passed?.listener(options)
  if (options.bound === undefined) await listen(server, options, inherited)
  if (inherited === undefined) passed?.keepListener(descriptorOf(server), options)
  const start = (): void => {
    if (!acceptHandles(server, accept, native)) acceptSockets(server, accept)
  }
  const resume = (): void => {
    if (pausedDescriptor === undefined) return
    server = newServer().listen({ fd: pausedDescriptor, exclusive: true }, options.backlog, start)
    pausedDescriptor = undefined
  }
  start()
  return {
    address: server.address() as Address,
    // Neither Node nor libuv can pause a server. But a socket and its queue live on while any descriptor of it is open.
    pause() {
      const duplicate = native?.libc.fcntl(descriptorOf(server), F_DUPFD_CLOEXEC, 0)
      if (duplicate === undefined || duplicate < 0) return false
      pausedDescriptor = duplicate
      server.close()
      return true
    },
    resume,
    async close() {
      resume()
      if (native !== undefined) drainBacklog(native.libc, descriptorOf(server), accept)
      await closeServer(server)
    },
  }
}

/**
 * Accepts the connections of a server that the application itself listens with. The server gets no 'connection' events
 * any more. The listener cannot pause.
 *
 * @throws TypeError with code HOLDFAST_BAD_OPTION where the server does not listen on a TCP port
 */
export function takeOver(server: Server, accept: AcceptFunction): TcpListener {
  const address = server.address()
  if (address === null || typeof address === 'string') {
    const write = 'httpServer.listen(3000)'
    throw misuse(TypeError, `expected a server that listens on a TCP port, got ${show(address)}; write ${write}`)
  }
  // The server's own listeners would read. Where Node makes sockets after all, pauseOnConnect keeps them from reading.
  server.removeAllListeners('connection')
  Object.assign(server, { pauseOnConnect: true })
  if (!acceptHandles(server, accept, undefined)) acceptSockets(server, accept)
  return {
    address: address as Address,
    pause: () => false,
    resume() {},
    close: () => closeServer(server),
  }
}

/**
 * Listens on every address before it returns. The connections wait in the kernel's queue until {@link openListener} gets
 * the server, which has to be in this turn of the event loop.
 *
 * @returns undefined when the port cannot be opened; `openListener` says why
 */
export function listenAtOnce({ port, backlog }: ListenOptions): Server | undefined {
  const server = newServer()
  server.on('error', () => {})
  // With a host Node looks up the name first, even that of an address.
  server.listen({ port, backlog, exclusive: true })
  return server.listening ? server : undefined
}

function descriptorOf(server: Server): number {
  return handleOf(server)?.fd ?? -1
}
