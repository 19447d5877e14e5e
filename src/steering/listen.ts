// Why a port could not be opened, in words and with a code.
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

/** The error of a failed listen. */
export function explainListenError(error: unknown, { port, host }: ListenOptions): StickyError {
  const code = codes[codeOf(error) ?? ''] ?? 'HOLDFAST_LISTEN_FAILED'
  return new StickyError(code, `${host ?? 'any address'}, port ${port}; ${hints[code] ?? describe(error)}`, error)
}
