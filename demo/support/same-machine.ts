// Who is asking? The demo lets nobody but this machine's own user kill a worker.
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'

/** The address that the balancer hashed, v4-mapped ones as IPv4. */
export function addressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
}

/** A browser says which page opened a connection; another site's page must not use this one's user. */
export function isSameOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
}

/** Whether it is this machine's own user, and not somebody behind a proxy or a name that points here. */
export function isLocalUser(request: IncomingMessage): boolean {
  const { headers } = request
  const proxied = ['forwarded', 'x-forwarded-for', 'via'].some((name) => headers[name] !== undefined)
  // Anybody can send any Host.
  const url = `http://${headers.host ?? 'none'}`
  const hostname = URL.canParse(url) ? new URL(url).hostname : 'none'
  const direct = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || hostname === 'localhost'
  return isLoopback(addressOf(request)) && direct && !proxied
}

/**
 * Hosts for links that make this machine another client. Not 127.0.0.2 and so on: the system connects to all of those
 * from 127.0.0.1. To its own other addresses it connects from these addresses.
 */
export function otherHosts(request: IncomingMessage): string[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const addresses = own.map(({ address }) => address).filter((address) => !/^fe80:/i.test(address))
  const address = addressOf(request)
  if (!addresses.includes(address)) return []
  const others = addresses
    .filter((other) => other !== address)
    .sort((a, b) => Number(isLoopback(b)) - Number(isLoopback(a)))
  return [...new Set(others)].slice(0, 4).map((other) => (other.includes(':') ? `[${other}]` : other))
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
