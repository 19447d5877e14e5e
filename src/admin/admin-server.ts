// The admin interface: status, metrics and a page over HTTP, on a port of its own in the primary. It sends no message
// to the workers: their last heartbeats are in the primary already.
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { AdminSettings } from '../options/admin.ts'
import { codeOf, describe } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { endpointText, isLoopback, parseAddress } from '../affinity/address.ts'
import { misuse, numberOf, show } from '../options/reader.ts'
import { checkWorkerCount } from '../options/worker-count.ts'
import type { Address } from '../ipc/messages.ts'
import { listen } from '../steering/listen.ts'
import type { PrimarySticky, Status } from '../sticky.ts'
import { exposition, metricsOf } from './metrics.ts'

/** The balancer, as far as the admin interface uses it. */
export type AdminTarget = Pick<PrimarySticky, 'status' | 'explain' | 'reload' | 'scale'>

export interface AdminServer {
  readonly address: Address
  /** Closes the server and all its connections at once. */
  close(): void
}

interface Answer {
  status?: number
  type?: string
  body: string | Buffer
  /** In addition to the headers of every answer. */
  headers?: Record<string, string>
}

type Route = (url: URL) => Answer | Promise<Answer>

const MAX_CONNECTIONS = 64

/** Milliseconds. */
const TIMEOUTS = { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 }

const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * @param isClosing - whether the balancer takes no new clients any more
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED or HOLDFAST_LISTEN_FAILED
 */
export async function openAdmin(
  settings: AdminSettings,
  balancer: AdminTarget,
  isClosing: () => boolean,
  logger: Logger,
): Promise<AdminServer> {
  const reads = readRoutes(balancer, isClosing)
  const changes = changeRoutes(balancer)
  const server = createServer((request, response) => {
    answer(request, settings, reads, changes).then(
      (found) => send(request, response, found),
      (error: unknown) => send(request, response, failure(error)),
    )
  })
  // The primary needs its file descriptors for the clients of the workers.
  server.maxConnections = MAX_CONNECTIONS
  Object.assign(server, TIMEOUTS)
  await listen(server, { ...settings, backlog: 128 })
  server.unref()
  const address = server.address() as Address
  logger.info('admin.ready', { url: `http://${endpointText(address)}/` })
  return { address, close: () => end(server) }
}

function readRoutes(balancer: AdminTarget, isClosing: () => boolean): Record<string, Route> {
  return {
    '/status': () => json(balancer.status()),
    '/metrics': () => ({
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: exposition(metricsOf(balancer.status())),
    }),
    '/healthz': () => health(balancer.status(), isClosing()),
    '/explain': ({ searchParams }) => {
      const address = searchParams.get('address') ?? ''
      if (parseAddress(address) === undefined) {
        const write = 'GET /explain?address=192.0.2.7'
        throw misuse(TypeError, `explain: expected an IP address, got ${show(address)}; write ${write}`)
      }
      const { key, ...rest } = balancer.explain(address)
      return json({ ...rest, key: key.toString('hex') })
    },
  }
}

/** The answer comes when the change is done. A client that disconnects earlier does not stop the change. */
function changeRoutes(balancer: AdminTarget): Record<string, Route> {
  return {
    '/reload': async () => {
      await balancer.reload()
      return json({ done: true })
    },
    '/scale': async ({ searchParams }) => {
      const text = searchParams.get('workers') ?? ''
      const workers = numberOf(text)
      checkWorkerCount(workers ?? text, 'POST /scale?workers=4')
      await balancer.scale(workers ?? 0)
      return json({ done: true })
    },
  }
}

async function answer(
  request: IncomingMessage,
  { names }: AdminSettings,
  reads: Record<string, Route>,
  changes: Record<string, Route>,
): Promise<Answer> {
  // Without a host in front, new URL() would take the first part of a path that begins with two slashes for the host.
  const target = `http://admin${request.url}`
  if (!URL.canParse(target)) return refusal(400, 'the URL of the request is malformed')
  const url = new URL(target)
  if (!mayRead(request, names)) {
    return refusal(403, 'address this interface by an IP address, as localhost, or by one of admin.names')
  }
  const isChange = Object.hasOwn(changes, url.pathname)
  const methods = isChange ? ['POST'] : ['GET', 'HEAD']
  if (!methods.includes(request.method ?? '')) {
    return {
      ...refusal(405, `this path needs another method: ${methods[0]} ${url.pathname}`),
      headers: { allow: methods.join(', ') },
    }
  }
  if (isChange && !mayChange(request)) {
    return refusal(403, 'only programs on this machine may do this, and no page of another site')
  }
  const routes = isChange ? changes : reads
  const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined
  if (route !== undefined) return route(url)
  const paths = ['/', ...Object.keys(reads), ...Object.keys(changes)].join(', ')
  return pageFile(url.pathname) ?? refusal(404, `there is no such path; the paths are ${paths}`)
}

/** For load balancers in front: 503 as soon as no new clients should come. */
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

/** An invalid argument is the fault of the client, any other error is not. */
function failure(error: unknown): Answer {
  const isMisuse = error instanceof TypeError || error instanceof RangeError
  return json({ error: { code: codeOf(error), message: describe(error) } }, isMisuse ? 400 : 500)
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

/** Headers of proxies. They mean that the client behind the proxy may be on another machine. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/**
 * Refuses host names that are not configured. An attacker can point a name to this machine (DNS rebinding), and a
 * browser would then let pages of that name read from here. Browsers always send a host. HAProxy's health checks have
 * none, and are allowed.
 */
function mayRead({ headers: { host } }: IncomingMessage, names: readonly string[]): boolean {
  if (host === undefined) return true
  const url = `http://${host}`
  if (!URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || names.includes(hostname)
}

/** Only programs on this machine, and no page of another site in a browser on this machine. */
function mayChange({ headers, socket }: IncomingMessage): boolean {
  const { host, origin } = headers
  const isSameOrigin = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
  return isLoopback(socket.remoteAddress) && isSameOrigin && !PROXY_HEADERS.some((name) => name in headers)
}

/** The files of the page. */
const FILES: Readonly<Record<string, [name: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
}

/** The page loads only its own files, and no other page may embed it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Files that were read before, by name. */
const fileCache = new Map<string, Buffer>()

/** @returns undefined when the page has no such file */
function pageFile(path: string): Answer | undefined {
  const [name, type] = (Object.hasOwn(FILES, path) ? FILES[path] : undefined) ?? []
  if (name === undefined || type === undefined) return undefined
  let body = fileCache.get(name)
  // The files are not compiled: they stay with the source, which the package contains.
  if (body === undefined) {
    body = readFileSync(new URL(`../../../src/admin/page/${name}`, import.meta.url))
    fileCache.set(name, body)
  }
  return { type, body, headers: { 'content-security-policy': CONTENT_SECURITY_POLICY } }
}
