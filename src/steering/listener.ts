// The primary's listening socket: accepts, reads nothing.
import { createServer, type Server } from 'node:net'
import { codeOf, describe, StickyError, type ErrorCode } from '../errors.ts'
import type { Address } from '../protocol.ts'
import { lookup } from 'node:dns/promises'
import { rawAddress } from '../affinity/address.ts'
import type { Instruction } from '../native/cbpf.ts'
import type { Libc } from '../native/libc.ts'
import { openGroup, type SlotGroup } from '../native/reuseport.ts'
import { acceptHandles, acceptSockets, type AcceptFunction } from './accept.ts'

export interface ListenOptions {
  port: number
  /** undefined: every address, IPv6 and IPv4 where IPv6 is on. */
  host: string | undefined
  backlog: number
  /** With it connections are accepted below Node, and have no handle. */
  libc?: Libc | undefined
}

/** An open listening socket. */
export interface Listener {
  readonly address: Address
  /** Stops accepting. Resolves when the socket is closed. */
  close(): Promise<void>
}

/**
 * Opens the socket and accepts from then on.
 *
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED or HOLDFAST_LISTEN_FAILED
 */
export async function openListener(options: ListenOptions, accept: AcceptFunction): Promise<Listener> {
  // pauseOnConnect: a byte read here would be lost to the worker.
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true })
  try {
    await listen(server, options)
  } catch (error) {
    throw explain(error, options)
  }
  if (!acceptHandles(server, accept, options.libc)) acceptSockets(server, accept)
  return {
    address: server.address() as Address,
    close: () => new Promise((done) => server.close(() => done())),
  }
}

/**
 * Opens the slot sockets of kernel steering.
 *
 * @throws StickyError as {@link openListener}
 */
export async function openSlotGroup(
  libc: Libc,
  { port, host, backlog }: ListenOptions,
  program: readonly Instruction[],
): Promise<{ group: SlotGroup; address: Address }> {
  const open = (bytes: Buffer, text: string) => {
    const group = openGroup(libc, { address: bytes, port, backlog, program })
    const family: Address['family'] = bytes.length === 4 ? 'IPv4' : 'IPv6'
    return { group, address: { address: text, family, port: group.port } }
  }
  try {
    if (host !== undefined) {
      const { address } = await lookup(host)
      return open(rawAddress(address), address)
    }
    try {
      return open(Buffer.alloc(16), '::')
    } catch (error) {
      if (!withoutIPv6.has(codeOf(error) ?? '')) throw error
      return open(Buffer.alloc(4), '0.0.0.0')
    }
  } catch (error) {
    throw explain(error, { port, host, backlog })
  }
}

/** What a host without IPv6 answers. */
const withoutIPv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])

async function listen(server: Server, { port, host, backlog }: ListenOptions): Promise<void> {
  if (host !== undefined) return attempt(server, { port, host, backlog })
  try {
    await attempt(server, { port, host: '::', backlog })
  } catch (error) {
    if (!withoutIPv6.has(codeOf(error) ?? '')) throw error
    await attempt(server, { port, host: '0.0.0.0', backlog })
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

const codes: Record<string, ErrorCode> = {
  EADDRINUSE: 'HOLDFAST_PORT_IN_USE',
  EACCES: 'HOLDFAST_PORT_DENIED',
}

const hints: Partial<Record<ErrorCode, string>> = {
  HOLDFAST_PORT_IN_USE: 'stop it, or choose another port (0 picks a free one)',
  HOLDFAST_PORT_DENIED: 'ports below 1024 need a privilege; choose another one or grant CAP_NET_BIND_SERVICE',
}

function explain(error: unknown, { port, host }: ListenOptions): StickyError {
  const code = codes[codeOf(error) ?? ''] ?? 'HOLDFAST_LISTEN_FAILED'
  return new StickyError(code, `${host ?? 'any address'}, port ${port}; ${hints[code] ?? describe(error)}`, error)
}
