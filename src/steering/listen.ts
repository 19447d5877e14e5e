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

/** @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED or HOLDFAST_LISTEN_FAILED */
export async function listen(server: Server, options: ListenOptions): Promise<void> {
  const { port, host, backlog } = options
  try {
    if (host !== undefined) return await attempt(server, { port, host, backlog })
    try {
      await attempt(server, { port, host: '::', backlog })
    } catch (error) {
      if (!withoutIPv6.has(codeOf(error) ?? '')) throw error
      await attempt(server, { port, host: '0.0.0.0', backlog })
    }
  } catch (error) {
    throw explainListenError(error, options)
  }
}

function attempt(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail)
    // exclusive: inside a node:cluster worker the socket must be ours all the same.
    server.listen({ ...options, exclusive: true }, () => {
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
