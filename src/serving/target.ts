// What the application gives to stickyListen: a server, or a function that makes one.
import { Server as HttpServer, type IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { Server, type Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import { StickyError } from '../errors.ts'
import { show } from '../options/reader.ts'

/** A server, or a function that makes one; the function runs in workers only. */
export type Target = Server | (() => Server | Promise<Server>)

/** @throws StickyError HOLDFAST_BAD_TARGET where the function returns something else than a server */
export async function resolveTarget(target: Target): Promise<Server> {
  if (typeof target !== 'function') return target
  const server = await target()
  if (server instanceof Server) return server
  throw new StickyError('HOLDFAST_BAD_TARGET', `${got(server)}; write ${serverOf(server)}`)
}

function got(value: unknown): string {
  if (value === undefined) return 'it returned nothing'
  return typeof value === 'function' ? 'it returned a function that handles requests' : `it returned ${show(value)}`
}

/** How to get a server of what an application has instead: Express, Koa, Fastify and others. As source text. */
function serverOf(value: unknown): string {
  const has = (name: string) => typeof Reflect.get(Object(value), name) === 'function'
  if (typeof value === 'function') return 'http.createServer(app)'
  if (has('callback')) return 'http.createServer(app.callback())'
  // A Fastify instance has its server before it listens.
  if (has('ready') && Reflect.get(Object(value), 'server') instanceof Server) return 'await app.ready(), and app.server'
  return 'http.createServer(app)'
}

// Only the methods of a server say whether it speaks TLS or HTTP/2. The classes would say it too, but they are in node:https
// and node:http2, and a worker that serves plain HTTP would load two megabytes to ask.

/** Whether the server speaks HTTP: of node:http, node:https or node:http2. */
export function isHttp(server: Server): boolean {
  return isHttp1(server) || isHttp2(server)
}

/** Whether the server is one of node:http or node:https. One of node:http2 may speak HTTP/1.1 too. */
export function isHttp1(server: Server): server is HttpServer | HttpsServer {
  return server instanceof HttpServer || ('closeIdleConnections' in server && isTls(server) && !isHttp2(server))
}

/** Whether the server is one of node:http2, without TLS or with it. */
export function isHttp2(server: Server): boolean {
  return 'updateSettings' in server
}

/** Whether the server speaks TLS: of node:tls or node:https, or a secure one of node:http2. */
export function isTls(server: Server): server is TlsServer {
  return 'setSecureContext' in server
}

/** A server's own `emit`, which calls the application's listeners for requests and upgrades. */
export type Emit = (event: string, ...args: unknown[]) => boolean

/** Gives the application an upgrade that another worker has routed to this one. @returns whether the application has a listener for upgrades */
export type DeliverUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => boolean
