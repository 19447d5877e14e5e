// The TCP port and host in the arguments of net.Server.listen(). Pure.
import { isIP, isIPv4 } from 'node:net'
import { isLoopback } from '../affinity/address.ts'

export interface ListenAddress {
  port: number
  /** undefined: every address. */
  host: string | undefined
}

/**
 * Reads the arguments in the same order as Node does.
 *
 * @returns undefined when the call listens on a path, a descriptor or a handle
 */
export function listenAddress([first, second]: readonly unknown[]): ListenAddress | undefined {
  if (typeof first !== 'object' || first === null) return tcpAddress(first, second)
  const { port, host, fd, handle, _handle } = first as Record<string, unknown>
  const hasHandle = [handle, _handle].some((value) => typeof value === 'object' && value !== null)
  const hasDescriptor = typeof fd === 'number' && fd >= 0
  return hasHandle || hasDescriptor ? undefined : tcpAddress(port, host)
}

/** Whether a server that listens on `host` can be reached at `address`, and at every name for it. */
export function includesAddress(host: string | undefined, address: string): boolean {
  if (host === undefined || host === '::' || host === '0.0.0.0') return true
  return host === address || (isIP(host) === 0 && host === 'localhost' && isLoopback(address))
}

/** What a listening server includes. */
export interface Range {
  /** An IP address, where `::` and `0.0.0.0` include others. */
  address: string
  /** Whether `::` includes no addresses of IPv4. */
  ipv6Only: boolean
}

/** Whether two servers cannot listen on the same port at the same time. */
export function overlaps(one: Range, other: Range): boolean {
  return one.address === other.address || includesHost(one, other.address) || includesHost(other, one.address)
}

function includesHost({ address, ipv6Only }: Range, host: string): boolean {
  if (address === '::') return !ipv6Only || !isIPv4(host)
  return address === '0.0.0.0' && isIPv4(host)
}

function tcpAddress(port: unknown, host: unknown): ListenAddress | undefined {
  const number = portOf(port)
  if (number === undefined) return undefined
  return { port: number, host: typeof host === 'string' && host !== '' ? host : undefined }
}

/** Node accepts a port as text too. */
function portOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : undefined
}
