// What a request tells of its client when it goes on to another worker, and how that worker's application sees it.
import type { Socket } from 'node:net'
import { proxyHeaderOf, proxyOf, retell, type ProxyInfo } from './proxied.ts'

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

const INTRODUCTION: unique symbol = Symbol('holdfast.introduction')

/** As text; the same for all requests of a connection. */
export function introduce(socket: Socket): string {
  const known: unknown = Reflect.get(socket, INTRODUCTION)
  if (typeof known === 'string') return known
  const visitor: Visitor = {
    told: Object.fromEntries(NAMES.map((name) => [name, Reflect.get(socket, name)])),
    header: proxyHeaderOf(socket)?.toString('base64'),
    proxy: proxyOf(socket)?.proxy,
  }
  const text = JSON.stringify(visitor)
  Reflect.set(socket, INTRODUCTION, text)
  return text
}

/** Lately seen: the requests of one connection all bring the same. */
const known = new Map<string, Visitor>()
const KNOWN = 1_024

/** From now on the connection, which many clients share, tells of that client. */
export function present(socket: Socket, introduction: string): void {
  const { told, header, proxy } = visitorOf(introduction)
  for (const name of NAMES) Object.defineProperty(socket, name, { value: told[name], configurable: true })
  if (header === undefined || proxy === undefined) retell(socket, undefined, { address: '', port: 0 })
  else retell(socket, Buffer.from(header, 'base64'), proxy)
}

/** The same for what is made for one request. */
export function presentOnce(socket: object, introduction: string): void {
  const { told, header, proxy } = visitorOf(introduction)
  Object.assign(socket, told)
  if (header !== undefined && proxy !== undefined) retell(socket, Buffer.from(header, 'base64'), proxy)
}

function visitorOf(introduction: string): Visitor {
  let visitor = known.get(introduction)
  if (visitor === undefined) {
    if (known.size >= KNOWN) known.clear()
    known.set(introduction, (visitor = JSON.parse(introduction) as Visitor))
  }
  return visitor
}
