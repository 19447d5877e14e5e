// What the application gives to stickyListen: a server, or a function that makes one.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server } from 'node:net'
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

/** A server's own `emit`, which calls the application's listeners for requests and upgrades. */
export type Emit = (event: string, ...args: unknown[]) => boolean

/** Adds the affinity cookie to the response to a request of no session. */
export type SetAffinityCookie = (request: IncomingMessage, response: ServerResponse) => void
