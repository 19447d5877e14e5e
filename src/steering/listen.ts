// Listening where the options say; and where that can not be, why, in words and with a code.
import type { Server } from 'node:net'
import { codeOf, describe, StickyError, type ErrorCode } from '../errors.ts'

export interface ListenOptions {
  port: number
  /** undefined: every address, IPv6 and IPv4 where IPv6 is on. */
  host: string | undefined
  backlog: number
}

/** What a host without IPv6 answers. */
export const withoutIPv6: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])

const codes: Record<string, ErrorCode> = {
  EADDRINUSE: 'HOLDFAST_PORT_IN_USE',
  EACCES: 'HOLDFAST_PORT_DENIED',
}

const hints: Partial<Record<ErrorCode, string>> = {
  HOLDFAST_PORT_IN_USE: 'stop it, or choose another port (0 picks a free one)',
  HOLDFAST_PORT_DENIED: 'ports below 1024 need a privilege; choose another one or grant CAP_NET_BIND_SERVICE',
}

/**
 * @param inherited - a listening socket's descriptor, to be used instead
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_BAD_ACTIVATION
 */
export async function listen(server: Server, options: ListenOptions, inherited?: number): Promise<void> {
  const { port, host, backlog } = options
  if (inherited !== undefined) return listenOn(server, inherited, backlog)
  try {
    if (host !== undefined) return await attempt(server, { port, host }, backlog)
    try {
      await attempt(server, { port, host: '::' }, backlog)
    } catch (error) {
      if (!withoutIPv6.has(codeOf(error) ?? '')) throw error
      await attempt(server, { port, host: '0.0.0.0' }, backlog)
    }
  } catch (error) {
    throw explainListenError(error, options)
  }
}

async function listenOn(server: Server, fd: number, backlog: number): Promise<void> {
  const wrong = (why: string, cause?: unknown) =>
    new StickyError('HOLDFAST_BAD_ACTIVATION', `descriptor ${fd} is not a listening TCP socket: ${why}`, cause)
  try {
    await attempt(server, { fd }, backlog)
  } catch (error) {
    throw wrong(describe(error), error)
  }
  // A Unix socket has a path, or nothing at all.
  const address = server.address()
  if (address === null || typeof address === 'string') throw wrong('it has no port')
}

type Where = { port: number; host: string } | { fd: number }

function attempt(server: Server, where: Where, backlog: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail)
    // exclusive: inside a node:cluster worker the socket must be ours all the same.
    server.listen({ ...where, exclusive: true }, backlog, () => {
      server.off('error', fail)
      done()
    })
  })
}

/** The error of a failed listen. */
export function explainListenError(error: unknown, { port, host }: ListenOptions): StickyError {
  const code = codes[codeOf(error) ?? ''] ?? 'HOLDFAST_LISTEN_FAILED'
  return new StickyError(code, `${host ?? 'any address'}, port ${port}; ${hints[code] ?? describe(error)}`, error)
}
