// What the application gives to stickyListen: a server, or a function that makes one.
import { Server as HttpServer, type IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { Server, type Socket } from 'node:net'
import { StickyError } from '../errors.ts'

/** A server, or a function that makes one; the function runs in workers only. */
export type Target = Server | (() => Server | Promise<Server>)

/** @throws StickyError HOLDFAST_BAD_TARGET where the function returns something else than a server */
export async function resolveTarget(target: Target): Promise<Server> {
  if (typeof target !== 'function') return target
  const server = await target()
  if (server instanceof Server) return server
  throw new StickyError('HOLDFAST_BAD_TARGET', 'return the http, https, http2, tls or net server from it')
}

// Only the methods of a server say whether it speaks TLS or HTTP/2. The classes would say it too, but they are in node:https
// and node:http2, and a worker that serves plain HTTP would load two megabytes to ask.

/** Whether the server speaks HTTP/1.1: without TLS, or with it. */
export function isHttp1(server: Server): server is HttpServer | HttpsServer {
  return server instanceof HttpServer || isHttps(server)
}

/** Whether the server is one of node:https. A server of node:http2 over TLS is not. */
export function isHttps(server: Server): server is HttpsServer {
  return 'setSecureContext' in server && 'closeIdleConnections' in server && !isHttp2(server)
}

/** Whether the server is one of node:http2, without TLS or with it. */
export function isHttp2(server: Server): boolean {
  return 'updateSettings' in server
}

/** A server's own `emit`, which calls the application's listeners for requests and upgrades. */
export type Emit = (event: string, ...args: unknown[]) => boolean

/** Gives the application an upgrade that another worker has routed to this one. @returns whether the application has a listener for upgrades */
export type DeliverUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => boolean
