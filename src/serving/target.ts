// What the application gives: a server, or a function that makes one.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server } from 'node:net'
import { StickyError } from '../errors.ts'

/** A server, or a function that makes one; the function runs in workers only. */
export type Target = Server | (() => Server | Promise<Server>)

/** The server's own `emit`, under which its listeners hear of requests and upgrades. */
export type Emit = (event: string, ...args: unknown[]) => boolean

/** @throws StickyError HOLDFAST_BAD_TARGET */
export async function resolveTarget(target: Target): Promise<Server> {
  if (typeof target !== 'function') return target
  const server = await target()
  if (server instanceof Server) return server
  throw new StickyError('HOLDFAST_BAD_TARGET', 'return the http, https, http2, tls or net server from it')
}

/** Marks the answer to a request of no session, so that the next one comes here. */
export type SetAffinityCookie = (request: IncomingMessage, response: ServerResponse) => void
