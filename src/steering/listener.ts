// The primary's listening socket: accepts, reads nothing.
import { createServer, type Server } from 'node:net'
import type { Libc } from '../native/libc.ts'
import type { Address } from '../protocol.ts'
import { handleOf } from '../transport/tcp-handle.ts'
import { acceptHandles, acceptSockets, drainBacklog, type AcceptFunction } from './accept.ts'
import type { PassedSockets } from './passed-sockets.ts'
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

const F_DUPFD_CLOEXEC = 1030

/**
 * Opens the socket, unless one was passed in, and accepts from then on.
 *
 * @param libc - with it connections are accepted below Node, and have no handle
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_BAD_ACTIVATION
 */
export async function openListener(
  options: ListenOptions,
  libc: Libc | undefined,
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
    if (!acceptHandles(server, accept, libc)) acceptSockets(server, accept)
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
      const fd = libc?.fcntl(descriptorOf(server), F_DUPFD_CLOEXEC, 0)
      if (fd === undefined || fd < 0) return false
      held = fd
      server.close()
      return true
    },
    resume,
    async close() {
      resume()
      if (libc !== undefined) drainBacklog(libc, descriptorOf(server), accept)
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

function newServer(): Server {
  // pauseOnConnect: a byte read here would be lost to the worker.
  return createServer({ pauseOnConnect: true, allowHalfOpen: true })
}

function descriptorOf(server: Server): number {
  return handleOf(server)?.fd ?? -1
}
