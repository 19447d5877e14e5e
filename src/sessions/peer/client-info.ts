// What a forwarded request says about its client. In the other worker the request's socket has the client's addresses, as
// the socket of the connection has them here.
import type { Socket } from 'node:net'
import { proxyHeaderOf, proxyOf, setProxyHeader, type ProxyInfo } from '../../serving/proxy-info.ts'

/** The header with the client info. It counts only at a peer socket, which no client can reach. */
export const CLIENT_INFO = 'x-holdfast-client'

/** The properties of the socket that the other worker's socket gets. Frameworks know https by `encrypted`. */
const PROPERTIES = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'encrypted',
  'servername',
  'alpnProtocol',
] as const

interface ClientInfo {
  /** The values of {@link PROPERTIES}. */
  socket: Record<string, unknown>
  /** The PROXY protocol header in base64, and the proxy that sent it; undefined where no proxy did. */
  header: string | undefined
  proxy: ProxyInfo['proxy'] | undefined
}

const ENCODED: unique symbol = Symbol('holdfast.client-info')

/** @returns the client info of a connection as JSON; the same text for all requests of the connection */
export function encodeClientInfo(socket: Socket): string {
  const encoded: unknown = Reflect.get(socket, ENCODED)
  if (typeof encoded === 'string') return encoded
  const info: ClientInfo = {
    socket: Object.fromEntries(PROPERTIES.map((name) => [name, Reflect.get(socket, name)])),
    header: proxyHeaderOf(socket)?.toString('base64'),
    proxy: proxyOf(socket)?.proxy,
  }
  const text = JSON.stringify(info)
  Reflect.set(socket, ENCODED, text)
  return text
}

/**
 * Replaces what a connection between two workers says about its client. Many clients share such a connection, so each of
 * its requests replaces it.
 *
 * @throws Error where `encoded` is not what {@link encodeClientInfo} returns
 */
export function applyClientInfo(socket: Socket, encoded: string): void {
  const info = decodeClientInfo(encoded)
  for (const name of PROPERTIES) {
    Object.defineProperty(socket, name, { value: info.socket[name], configurable: true, writable: true })
  }
  const { header, proxy } = info
  if (header === undefined || proxy === undefined) setProxyHeader(socket, undefined, { address: '', port: 0 })
  else setProxyHeader(socket, Buffer.from(header, 'base64'), proxy)
}

/**
 * Assigns the client info to a socket that is made for one request, which costs less than {@link applyClientInfo}.
 *
 * @throws Error where `encoded` is not what {@link encodeClientInfo} returns
 */
export function assignClientInfo(socket: object, encoded: string): void {
  const { socket: properties, header, proxy } = decodeClientInfo(encoded)
  Object.assign(socket, properties)
  if (header !== undefined && proxy !== undefined) setProxyHeader(socket, Buffer.from(header, 'base64'), proxy)
}

/** Decoded client infos by their text, because all requests of a connection have the same. */
const decoded = new Map<string, ClientInfo>()
const MAX_DECODED = 1_024

function decodeClientInfo(encoded: string): ClientInfo {
  let info = decoded.get(encoded)
  if (info === undefined) {
    if (decoded.size >= MAX_DECODED) decoded.clear()
    decoded.set(encoded, (info = JSON.parse(encoded) as ClientInfo))
  }
  return info
}
