// Listening on the address that the options name, and errors that say what to do.
import { createServer, type Server } from 'node:net'
import { codeOf, describe, StickyError, type ErrorCode } from '../errors.ts'

export interface ListenOptions {
  /** 0 picks a free port. */
  port: number
  /** undefined: every address, of IPv6 too where IPv6 is on. */
  host: string | undefined
  /** Length of the listening socket's queue, in connections. */
  backlog: number
  /** Whether an address of IPv6 takes no clients of IPv4. */
  ipv6Only?: boolean | undefined
  /** Tells several listeners on port 0 of the same host apart. @default 0 */
  index?: number | undefined
  /** A server that listens there already, and has accepted nothing. */
  bound?: Server | undefined
}

/** The codes with which a system without IPv6 refuses to listen on `::`. */
export const NO_IPV6_CODES: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])

const ERROR_CODES: Record<string, ErrorCode> = {
  EADDRINUSE: 'HOLDFAST_PORT_IN_USE',
  EACCES: 'HOLDFAST_PORT_DENIED',
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  HOLDFAST_PORT_IN_USE: 'stop it, or choose another port (0 picks a free one)',
  HOLDFAST_PORT_DENIED: 'ports below 1024 need a privilege; choose another one or grant CAP_NET_BIND_SERVICE',
}

/**
 * Makes the server listen.
 *
 * @param inherited - descriptor of a listening socket to use; port and host are left alone then
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_BAD_ACTIVATION
 */
export async function listen(server: Server, options: ListenOptions, inherited?: number): Promise<void> {
  const { port, host, backlog, ipv6Only = false } = options
  if (inherited !== undefined) return listenOnDescriptor(server, inherited, backlog)
  try {
    if (host !== undefined) return await tryListen(server, { port, host, ipv6Only }, backlog)
    // With a host Node loads its resolver, even where the host is an address. That takes five milliseconds.
    await tryListen(server, { port }, backlog)
    if (family(server) === 'IPv6') return
    // Node takes 0.0.0.0 where `::` failed for any reason. Only a system without IPv6 is a good one.
    await closeServer(server)
    await listenOnEveryAddress(server, port, backlog)
  } catch (error) {
    throw explainListenError(error, options)
  }
}

async function listenOnEveryAddress(server: Server, port: number, backlog: number): Promise<void> {
  try {
    await tryListen(server, { port, host: '::' }, backlog)
  } catch (error) {
    if (!NO_IPV6_CODES.has(codeOf(error) ?? '')) throw error
    await tryListen(server, { port, host: '0.0.0.0' }, backlog)
  }
}

function family(server: Server): string | undefined {
  const address = server.address()
  return typeof address === 'object' ? address?.family : undefined
}

async function listenOnDescriptor(server: Server, fd: number, backlog: number): Promise<void> {
  const badDescriptor = (why: string, cause?: unknown) =>
    new StickyError('HOLDFAST_BAD_ACTIVATION', `descriptor ${fd} is not a listening TCP socket: ${why}`, cause)
  try {
    await tryListen(server, { fd }, backlog)
  } catch (error) {
    throw badDescriptor(describe(error), error)
  }
  // The address of a Unix socket is a path, or null.
  const address = server.address()
  if (address === null || typeof address === 'string') throw badDescriptor('it has no port')
}

type Where =
  | { port: number; host?: string; ipv6Only?: boolean }
  | { fd: number }
  | { path: string; readableAll: boolean; writableAll: boolean }

/** Makes the server listen there, and nowhere else. @throws Error of Node */
export function tryListen(server: Server, where: Where, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // exclusive: without it, a node:cluster worker would get a socket of its primary.
    server.listen({ ...where, exclusive: true }, backlog, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** The error to throw when listening failed. @param error - of Node or of a system call, with its `code` */
export function explainListenError(error: unknown, { port, host }: ListenOptions): StickyError {
  const code = ERROR_CODES[codeOf(error) ?? ''] ?? 'HOLDFAST_LISTEN_FAILED'
  const explained = new StickyError(
    code,
    `${host ?? 'any address'}, port ${port}; ${HINTS[code] ?? describe(error)}`,
    error,
  )
  // All frames are inside Node and Holdfast, and the message says what to do.
  for (const one of [explained, error]) if (one instanceof Error) one.stack = `${one.name}: ${one.message}`
  return explained
}

/** A server whose connections are for another process. */
export function newServer(): Server {
  // pauseOnConnect: a byte that is read in the primary would not reach the worker.
  return createServer({ pauseOnConnect: true, allowHalfOpen: true })
}

/** Stops accepting. Resolves when the server is closed; also where it was not open. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()))
}
