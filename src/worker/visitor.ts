// What a request tells of its client when it goes on to another worker, and how that worker's application sees it.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { proxyHeaderOf, proxyOf, retell, type ProxyInfo } from './proxied.ts'

/** The header that carries it. It is looked at only behind the private door, which no client can reach. */
const HEADER = 'x-holdfast-visitor'

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

interface Visitor {
  told: Record<string, unknown>
  /** The PROXY protocol header in base64, and who sent it. */
  header: string | undefined
  proxy: ProxyInfo['proxy'] | undefined
}

/** @returns a header: name and value */
export function introduce(socket: Socket): [name: string, value: string] {
  const visitor: Visitor = {
    told: Object.fromEntries(NAMES.map((name) => [name, Reflect.get(socket, name)])),
    header: proxyHeaderOf(socket)?.toString('base64'),
    proxy: proxyOf(socket)?.proxy,
  }
  // Header values are Latin-1.
  return [HEADER, encodeURIComponent(JSON.stringify(visitor))]
}

/** The connection that the request came on is shared by many clients: from now on it tells the one who sent this. */
export function present({ socket, headers, rawHeaders }: IncomingMessage): void {
  const value = headers[HEADER]
  delete headers[HEADER]
  const at = rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === HEADER)
  if (at >= 0) rawHeaders.splice(at, 2)
  const { told, header, proxy } = JSON.parse(decodeURIComponent(String(value))) as Visitor
  for (const name of NAMES) Object.defineProperty(socket, name, { value: told[name], configurable: true })
  if (header === undefined || proxy === undefined) retell(socket, undefined, { address: '', port: 0 })
  else retell(socket, Buffer.from(header, 'base64'), proxy)
}
