// The admin interface: status, metrics and a page over HTTP, on a port of its own in the primary. It takes nothing from the
// workers: what they tell of themselves is there already, in their beats.
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { AdminSettings } from '../options/admin.ts'
import { codeOf, describe } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { endpointText, isLoopback } from '../affinity/address.ts'
import type { Address } from '../ipc/messages.ts'
import { listen } from '../steering/listen.ts'
import type { PrimarySticky, Status } from '../sticky.ts'
import { exposition, metricsOf } from './metrics.ts'

/** What it shows and what it may do. */
export type Administered = Pick<PrimarySticky, 'status' | 'explain' | 'reload' | 'scale'>

export interface AdminServer {
  readonly address: Address
  /** Ends it at once. */
  close(): void
}

interface Answer {
  status?: number
  type?: string
  body: string | Buffer
  /** The page's own. */
  headers?: Record<string, string>
}

type Route = (url: URL) => Answer | Promise<Answer>

const MAX_CONNECTIONS = 64

/** Milliseconds for a request to be there. */
const PATIENCE = { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 }

const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * @param isClosing - whether nobody should come any more
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED or HOLDFAST_LISTEN_FAILED
 */
export async function openAdmin(
  settings: AdminSettings,
  administered: Administered,
  isClosing: () => boolean,
  logger: Logger,
): Promise<AdminServer> {
  const looks = lookRoutes(administered, isClosing)
  const acts = actRoutes(administered)
  const server = createServer((request, response) => {
    answer(request, settings, looks, acts).then(
      (found) => send(request, response, found),
      (error: unknown) => send(request, response, failure(error)),
    )
  })
  // The primary needs its descriptors for the clients of the workers.
  server.maxConnections = MAX_CONNECTIONS
  Object.assign(server, PATIENCE)
  await listen(server, { ...settings, backlog: 128 })
  server.unref()
  const address = server.address() as Address
  logger.info('admin.ready', { url: `http://${endpointText(address)}/` })
  return { address, close: () => end(server) }
}

function lookRoutes(administered: Administered, isClosing: () => boolean): Record<string, Route> {
  return {
    '/status': () => json(administered.status()),
    '/metrics': () => ({
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: exposition(metricsOf(administered.status())),
    }),
    '/healthz': () => health(administered.status(), isClosing()),
    '/explain': ({ searchParams }) => {
      const { key, ...rest } = administered.explain(searchParams.get('address') ?? '')
      return json({ ...rest, key: key.toString('hex') })
    },
  }
}

/** Answered when it is done; whoever hangs up before does not stop it. */
function actRoutes(administered: Administered): Record<string, Route> {
  return {
    '/reload': async () => {
      await administered.reload()
      return json({ done: true })
    },
    '/scale': async ({ searchParams }) => {
      const text = searchParams.get('workers') ?? ''
      await administered.scale(/^\d+$/.test(text) ? Number(text) : (text as never))
      return json({ done: true })
    },
  }
}

async function answer(
  request: IncomingMessage,
  { names }: AdminSettings,
  looks: Record<string, Route>,
  acts: Record<string, Route>,
): Promise<Answer> {
  // What begins with two slashes is a path too.
  const target = `http://admin${request.url}`
  if (!URL.canParse(target)) return refusal(400, 'the address of the request can not be read')
  const url = new URL(target)
  if (!mayRead(request, names)) {
    return refusal(403, 'ask for it by an address, as localhost, or by one of admin.names')
  }
  const isAct = Object.hasOwn(acts, url.pathname)
  const methods = isAct ? ['POST'] : ['GET', 'HEAD']
  if (!methods.includes(request.method ?? '')) {
    return { ...refusal(405, `write ${methods[0]} ${url.pathname}`), headers: { allow: methods.join(', ') } }
  }
  if (isAct && !mayChange(request)) return refusal(403, 'only this machine may do that, and no page of another site')
  const routes = isAct ? acts : looks
  const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined
  if (route !== undefined) return route(url)
  return pageFile(url.pathname) ?? refusal(404, `there are ${[...Object.keys(looks), ...Object.keys(acts)].join(', ')}`)
}

/** For who decides where clients go: 503 as soon as none should come. */
function health({ workers }: Status, isClosing: boolean): Answer {
  const ready = workers.filter(({ state }) => state === 'ready').length
  return {
    ...json({ ready, workers: workers.length, closing: isClosing }),
    status: ready > 0 && !isClosing ? 200 : 503,
  }
}

function json(value: unknown, status = 200): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` }
}

function refusal(status: number, message: string): Answer {
  return json({ error: { message } }, status)
}

/** What was asked for wrongly is the asker's, the rest is ours. */
function failure(error: unknown): Answer {
  const isTheirs = error instanceof TypeError || error instanceof RangeError
  return json({ error: { code: codeOf(error), message: describe(error) } }, isTheirs ? 400 : 500)
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status = 200, type = JSON_TYPE, body, headers = {} }: Answer,
): void {
  request.resume()
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    server: 'holdfast',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function end(server: Server): void {
  server.close()
  server.closeAllConnections()
}

/** What proxies add: then it is somebody else who asks. */
const PROXIED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/**
 * A name that somebody lets point to this machine makes a browser think that it is theirs (DNS rebinding). So whoever asks
 * has to do so by an address, as localhost, or by a name that was agreed on. Browsers always say it, HAProxy's checks do not.
 */
function mayRead({ headers: { host } }: IncomingMessage, names: readonly string[]): boolean {
  if (host === undefined) return true
  const url = `http://${host}`
  if (!URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || names.includes(hostname)
}

/** Of those who may look: only this machine's own users and programs, and no page of another site. */
function mayChange({ headers, socket }: IncomingMessage): boolean {
  const { host, origin } = headers
  const isOwn = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
  return isLoopback(socket.remoteAddress) && isOwn && !PROXIED.some((name) => name in headers)
}

const FILES: Readonly<Record<string, [name: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
}

/** It loads and asks nothing but its own, and nobody shows it inside a page of theirs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const read = new Map<string, Buffer>()

/** @returns undefined where there is none */
function pageFile(path: string): Answer | undefined {
  const [name, type] = (Object.hasOwn(FILES, path) ? FILES[path] : undefined) ?? []
  if (name === undefined || type === undefined) return undefined
  let body = read.get(name)
  // Beside the source, which the package contains: from the compiled file.
  if (body === undefined) {
    body = readFileSync(new URL(`../../../src/admin/page/${name}`, import.meta.url))
    read.set(name, body)
  }
  return { type, body, headers: { 'content-security-policy': POLICY } }
}
