// What a connection that came through a proxy tells of itself: the client's address where everybody looks for it, and
// the proxy's own on request.
import type { Socket } from 'node:net'
import { addressText } from '../affinity/address.ts'
import { parseProxyHeader, TLV, type Endpoints, type ProxyVerdict, type Tlv } from '../affinity/proxy-header.ts'
import type { SocketName, TcpHandle } from '../native/tcp-handle.ts'

/** What the PROXY protocol told of a connection. */
export interface ProxyInfo {
  /** The proxy's own end: who really connected. */
  proxy: { address: string; port: number }
  /** Where the client had connected to. */
  destination: { address: string; port: number }
  /** The proxy's name for this connection (PP2_TYPE_UNIQUE_ID). */
  uniqueId?: Buffer
  /** The host name that the client asked for, TLS's SNI (PP2_TYPE_AUTHORITY). */
  authority?: string
  /** The protocol that the client speaks behind TLS (PP2_TYPE_ALPN). */
  alpn?: string
  /** Id of the endpoint in AWS PrivateLink (PP2_TYPE_AWS, PP2_SUBTYPE_AWS_VPCE_ID). */
  vpcEndpointId?: string
  /** All type-length-values of version 2, in their order, the checksum too. */
  tlvs: readonly Tlv[]
}

/** The header as it came, and what is in it. */
interface Told {
  bytes: Buffer
  info: ProxyInfo
}

const TOLD: unique symbol = Symbol('holdfast.proxy')

/** Of the values of type PP2_TYPE_AWS: the rest is an endpoint's id. */
const AWS_VPC_ENDPOINT_ID = 1

type Header = Extract<ProxyVerdict, { type: 'header' }>

/**
 * What the PROXY protocol told of a connection.
 *
 * @param socket - `request.socket`, Socket.IO's `socket.request.socket`, a TLS socket, what 'connection' brought
 * @returns undefined where no header came with an address: the proxy's own health check, for one
 */
export function proxyOf(socket: Socket): ProxyInfo | undefined {
  return toldOf(socket)?.info
}

/** What {@link retell} needs to tell the same elsewhere. */
export function proxyHeaderOf(socket: Socket): Buffer | undefined {
  return toldOf(socket)?.bytes
}

function toldOf(socket: Socket): Told | undefined {
  // A TLS socket stands on the one that was accepted.
  const told: unknown = Reflect.get(socket, TOLD) ?? Reflect.get(Reflect.get(socket, '_parent') ?? {}, TOLD)
  return told as Told | undefined
}

/**
 * Makes the handle tell the client's address from now on.
 *
 * @param bytes - a complete header
 * @returns to be called with the socket over that handle
 */
export function pretend(handle: TcpHandle, bytes: Buffer): (socket: Socket) => void {
  const header = parseProxyHeader(bytes, bytes.length)
  if (header.type !== 'header' || header.source === undefined) return () => {}
  const proxy: SocketName = {}
  handle.getpeername(proxy)
  const client = nameOf(header.source)
  handle.getpeername = (out) => {
    Object.assign(out, client)
    return 0
  }
  return (socket) => retell(socket, bytes, { address: proxy.address ?? '', port: proxy.port ?? 0 })
}

/** Lets {@link proxyOf} tell what the header says; with `bytes` undefined, nothing. */
export function retell(socket: object, bytes: Buffer | undefined, proxy: ProxyInfo['proxy']): void {
  const header = bytes === undefined ? undefined : parseProxyHeader(bytes, bytes.length)
  const told = header?.type === 'header' && bytes !== undefined ? { bytes, info: infoOf(header, proxy) } : undefined
  Reflect.set(socket, TOLD, told)
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

function nameOf({ address, port }: Endpoints['source']): SocketName {
  return { address: addressText(address), family: address.length === 4 ? 'IPv4' : 'IPv6', port }
}
