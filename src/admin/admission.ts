// Who may look, and who may do something: a browser on this machine opens pages of others, which must not.
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * A name that somebody lets point to this machine makes a browser think that it is theirs (DNS rebinding). So who comes from
 * this machine has to ask for it by an address or as localhost; who comes from elsewhere, over a network that `admin.host`
 * was opened to, may use any name.
 */
export function mayLook({ headers: { host }, socket }: IncomingMessage): boolean {
  return !isLoopback(socket.remoteAddress) || isPlain(host)
}

/** Only this machine's own users and programs, and no page of another site. */
export function mayAct({ headers: { host, origin }, socket }: IncomingMessage): boolean {
  const isOwn = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
  return isLoopback(socket.remoteAddress) && isPlain(host) && isOwn
}

function isLoopback(address = ''): boolean {
  const plain = address.replace(/^::ffff:(?=\d)/i, '')
  return isIP(plain) !== 0 && loopback.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
}

function isPlain(host = ''): boolean {
  const url = `http://${host}`
  if (!URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0
}
