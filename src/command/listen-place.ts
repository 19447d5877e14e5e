// Which TCP port and host a call of net.Server.listen() is about. Pure.
import { isIP } from 'node:net'
import { isLoopback } from '../affinity/address.ts'

export interface ListenPlace {
  port: number
  /** undefined: every address. */
  host: string | undefined
}

/**
 * In the order in which Node looks at them.
 *
 * @returns undefined where it is about none: a path, a descriptor, a handle
 */
export function listenPlace([first, second]: readonly unknown[]): ListenPlace | undefined {
  if (typeof first !== 'object' || first === null) return placeOf(first, second)
  const { port, host, fd, handle, _handle } = first as Record<string, unknown>
  const isOther = [handle, _handle].some((other) => typeof other === 'object' && other !== null)
  return isOther || (typeof fd === 'number' && fd >= 0) ? undefined : placeOf(port, host)
}

/** Whether clients that come to `host` find what listens on the balancer's address, and nobody else does. */
export function isWithin(host: string | undefined, balancer: string): boolean {
  if (host === undefined || host === '::' || host === '0.0.0.0') return true
  return host === balancer || (isIP(host) === 0 && host === 'localhost' && isLoopback(balancer))
}

function placeOf(port: unknown, host: unknown): ListenPlace | undefined {
  const number = portOf(port)
  if (number === undefined) return undefined
  return { port: number, host: typeof host === 'string' && host !== '' ? host : undefined }
}

/** Node takes numbers as text, too. */
function portOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : undefined
}
