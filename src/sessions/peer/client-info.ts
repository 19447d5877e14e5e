// What a request tells of its client when it goes on to another worker, and how that worker's application sees it.
import type { Socket } from 'node:net'
import { proxyHeaderOf, proxyOf, retell, type ProxyInfo } from '../../serving/proxy-info.ts'

/** The header that tells of the client. It is looked at only at a peer socket, where no client can reach. */
export const CLIENT_INFO = 'x-holdfast-client'

/** What is told as the socket tells it; `encrypted` is what frameworks know https by. */
const NAMES = [
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
  told: Record<string, unknown>
  /** The PROXY protocol header in base64, and who sent it. */
  header: string | undefined
  proxy: ProxyInfo['proxy'] | undefined
}

const ENCODED: unique symbol = Symbol('holdfast.encoded')

/** As text; the same for all requests of a connection. */
export function encodeClientInfo(socket: Socket): string {
  const known: unknown = Reflect.get(socket, ENCODED)
  if (typeof known === 'string') return known
  const info: ClientInfo = {
    told: Object.fromEntries(NAMES.map((name) => [name, Reflect.get(socket, name)])),
    header: proxyHeaderOf(socket)?.toString('base64'),
    proxy: proxyOf(socket)?.proxy,
  }
  const text = JSON.stringify(info)
  Reflect.set(socket, ENCODED, text)
  return text
}

/** Lately seen: the requests of one connection all bring the same. */
const known = new Map<string, ClientInfo>()
const KNOWN = 1_024

/** From now on the connection, which many clients share, tells of that client. */
export function applyClientInfo(socket: Socket, encoded: string): void {
  const { told, header, proxy } = decodeClientInfo(encoded)
  for (const name of NAMES) Object.defineProperty(socket, name, { value: told[name], configurable: true })
  if (header === undefined || proxy === undefined) retell(socket, undefined, { address: '', port: 0 })
  else retell(socket, Buffer.from(header, 'base64'), proxy)
}

/** The same for what is made for one request. */
export function assignClientInfo(socket: object, encoded: string): void {
  const { told, header, proxy } = decodeClientInfo(encoded)
  Object.assign(socket, told)
  if (header !== undefined && proxy !== undefined) retell(socket, Buffer.from(header, 'base64'), proxy)
}

function decodeClientInfo(encoded: string): ClientInfo {
  let info = known.get(encoded)
  if (info === undefined) {
    if (known.size >= KNOWN) known.clear()
    known.set(encoded, (info = JSON.parse(encoded) as ClientInfo))
  }
  return info
}
