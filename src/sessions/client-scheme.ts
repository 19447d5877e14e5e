// Whether a client's own connection is https: to this process, or to a trusted proxy in front.
import type { IncomingMessage } from 'node:http'
import type { BlockList } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { isListed } from '../options/networks.ts'
import { proxyOf } from '../serving/proxy-info.ts'

/** A value of version 2 of the PROXY protocol: the client's connection to the proxy (PP2_TYPE_SSL). */
const TLV_SSL = 0x20
/** Bit of its first byte: the client has connected over TLS (PP2_CLIENT_SSL). */
const CLIENT_SSL = 1

/** Some proxies write the scheme of a WebSocket. */
const SECURE_SCHEMES = ['https', 'wss']

/**
 * @param trusted - the proxies whose `X-Forwarded-Proto` counts; `'all'`: only such proxies can connect
 */
export function isSecure({ socket, headers }: IncomingMessage, trusted: BlockList | 'all'): boolean {
  if ((socket as Partial<TLSSocket>).encrypted === true) return true
  const proxy = proxyOf(socket)
  const ssl = proxy?.tlvs.find(({ type }) => type === TLV_SSL)?.value[0] ?? 0
  if ((ssl & CLIENT_SSL) !== 0) return true
  if (trusted !== 'all' && !isListed(trusted, proxy?.proxy.address ?? socket.remoteAddress)) return false
  // The client's own scheme comes first where several proxies add theirs.
  const [scheme = ''] = String(headers['x-forwarded-proto'] ?? '').split(',')
  return SECURE_SCHEMES.includes(scheme.trim().toLowerCase())
}
