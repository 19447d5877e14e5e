// Where a request comes from. Only a browser on this machine may kill a worker of a demo.
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'

/** The address that the balancer hashes; an IPv4-mapped address becomes IPv4. */
export function addressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
}

/** Whether the request is from this site's own page. A page of another site must not act for the user. */
export function isSameOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
}

/** Whether the request is from this machine, and neither through a proxy nor through a name that points here. */
export function isLocalUser(request: IncomingMessage): boolean {
  const { headers } = request
  const proxied = ['forwarded', 'x-forwarded-for', 'via'].some((name) => headers[name] !== undefined)
  // A client can send any Host header.
  const url = `http://${headers.host ?? 'none'}`
  const hostname = URL.canParse(url) ? new URL(url).hostname : 'none'
  const direct = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || hostname === 'localhost'
  return isLoopback(addressOf(request)) && direct && !proxied
}

/**
 * Hosts for links that make this machine another client. 127.0.0.2 and so on would not do: the system connects to all
 * of them from 127.0.0.1. To each of its other addresses the system connects from the same address.
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
