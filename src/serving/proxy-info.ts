// What the PROXY protocol header of a connection says. The socket has the client's address where every library looks for
// it, and `proxyOf` returns the rest.
import type { Socket } from 'node:net'
import { addressText } from '../affinity/address.ts'
import { parseProxyHeader, TLV, type Endpoints, type ProxyVerdict, type Tlv } from '../affinity/proxy-header.ts'
import type { SocketName, TcpHandle } from '../native/tcp-handle.ts'

/** What the PROXY protocol header of a connection says. */
export interface ProxyInfo {
  /** The proxy's end of the connection to this machine. */
  proxy: { address: string; port: number }
  /** The address to which the client connected. */
  destination: { address: string; port: number }
  /** The proxy's name for this connection (PP2_TYPE_UNIQUE_ID). */
  uniqueId?: Buffer
  /** The host name that the client asked for, TLS's SNI (PP2_TYPE_AUTHORITY). */
  authority?: string
  /** The protocol that the client speaks inside TLS (PP2_TYPE_ALPN). */
  alpn?: string
  /** The id of the endpoint in AWS PrivateLink (PP2_TYPE_AWS, PP2_SUBTYPE_AWS_VPCE_ID). */
  vpcEndpointId?: string
  /** All type-length-values of version 2 in their order, with the checksum. */
  tlvs: readonly Tlv[]
}

/** A header as bytes, and what it says. */
interface KeptHeader {
  bytes: Buffer
  info: ProxyInfo
}

const HEADER: unique symbol = Symbol('holdfast.proxy-header')

/** A PP2_TYPE_AWS value with this first byte has the id of an endpoint. */
const AWS_VPC_ENDPOINT_ID = 1

type Header = Extract<ProxyVerdict, { type: 'header' }>

/**
 * What the PROXY protocol header of a connection says.
 *
 * @param socket - `request.socket`, Socket.IO's `socket.request.socket`, a TLS socket, or the socket of 'connection'
 * @returns undefined where no header with an address came, as for a health check of the proxy itself
 */
export function proxyOf(socket: Socket): ProxyInfo | undefined {
  return headerOf(socket)?.info
}

/** @returns the PROXY protocol header of a connection as it came, for {@link setProxyHeader} in another process */
export function proxyHeaderOf(socket: Socket): Buffer | undefined {
  return headerOf(socket)?.bytes
}

function headerOf(socket: Socket): KeptHeader | undefined {
  // The header of a TLS socket is on the TCP socket below it.
  const header: unknown = Reflect.get(socket, HEADER) ?? Reflect.get(Reflect.get(socket, '_parent') ?? {}, HEADER)
  return header as KeptHeader | undefined
}

/**
 * Gives the handle the client's address, so that a socket over it has the address too.
 *
 * @param bytes - a complete header
 * @returns to be called with the socket over the handle, for {@link proxyOf}
 */
export function applyProxyHeader(handle: TcpHandle, bytes: Buffer): (socket: Socket) => void {
  const header = parseProxyHeader(bytes, bytes.length)
  if (header.type !== 'header' || header.source === undefined) return () => {}
  const proxy: SocketName = {}
  handle.getpeername(proxy)
  const client = socketName(header.source)
  handle.getpeername = (out) => {
    Object.assign(out, client)
    return 0
  }
  return (socket) => setProxyHeader(socket, bytes, { address: proxy.address ?? '', port: proxy.port ?? 0 })
}

/**
 * Sets what {@link proxyOf} and {@link proxyHeaderOf} return for the socket.
 *
 * @param bytes - a complete header; undefined: they return undefined
 * @param proxy - the proxy that sent the header
 */
export function setProxyHeader(socket: object, bytes: Buffer | undefined, proxy: ProxyInfo['proxy']): void {
  const header = bytes === undefined ? undefined : parseProxyHeader(bytes, bytes.length)
  const kept = header?.type === 'header' && bytes !== undefined ? { bytes, info: infoOf(header, proxy) } : undefined
  Reflect.set(socket, HEADER, kept)
}

function infoOf(header: Header, proxy: ProxyInfo['proxy']): ProxyInfo {
  const { address = Buffer.alloc(4), port = 0 } = header.destination ?? {}
  const info: ProxyInfo = { proxy, destination: { address: addressText(address), port }, tlvs: header.tlvs }
  for (const { type, value } of header.tlvs) {
    if (type === TLV.uniqueId) info.uniqueId = value
    if (type === TLV.authority) info.authority = value.toString('utf8')
    if (type === TLV.alpn) info.alpn = value.toString('latin1')
    if (type === TLV.aws && value[0] === AWS_VPC_ENDPOINT_ID) info.vpcEndpointId = value.toString('latin1', 1)
  }
  return info
}

function socketName({ address, port }: Endpoints['source']): SocketName {
  return { address: addressText(address), family: address.length === 4 ? 'IPv4' : 'IPv6', port }
}
