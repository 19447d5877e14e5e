// Who may look, and who may do something: a browser on this machine opens pages of others, which must not.
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { isLoopback } from '../affinity/address.ts'

/** What proxies add: then it is somebody else who asks. */
const PROXIED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/**
 * A name that somebody lets point to this machine makes a browser think that it is theirs (DNS rebinding). So whoever asks
 * has to do so by an address, as localhost, or by a name that was agreed on. Browsers always say it, HAProxy's checks do not.
 */
export function mayRead({ headers: { host } }: IncomingMessage, names: readonly string[]): boolean {
  if (host === undefined) return true
  const url = `http://${host}`
  if (!URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || names.includes(hostname)
}

/** Of those who may look: only this machine's own users and programs, and no page of another site. */
export function mayChange({ headers, socket }: IncomingMessage): boolean {
  const { host, origin } = headers
  const isOwn = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
  return isLoopback(socket.remoteAddress) && isOwn && !PROXIED.some((name) => name in headers)
}
