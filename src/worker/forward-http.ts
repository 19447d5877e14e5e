// Requests to another worker over HTTP, through its private door, streamed both ways: those of HTTP/2, whose answers are not
// bytes that can be passed on, and upgrades that can not be handed over.
import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { answerGone, logGone, type Forwarding } from './forwarding.ts'
import { doorOf, VISITOR } from './private-door.ts'
import { introduce } from './visitor.ts'

/** Milliseconds that a connection is kept unused; the door keeps it for longer, so that it never closes first. */
const IDLE = 4_000

const agent = new http.Agent({ keepAlive: true, timeout: IDLE, maxFreeSockets: 256, scheduling: 'lifo' })

/** Of one connection, not of the message (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te'])

/** A stream of HTTP/2. @param event - under which the application would have heard of it */
export function forwardStream(
  request: IncomingMessage,
  response: ServerResponse,
  event: string,
  { peer, folder, counters, absent }: Forwarding,
): void {
  const attempt = (again: boolean): void => {
    const upstream = http.request({
      agent,
      socketPath: doorOf(folder, peer.instance),
      method: request.method,
      path: request.url,
      headers: requestHeaders(request, event === 'checkContinue'),
      setHost: false,
    })
    let isThere = false
    upstream.once('socket', (socket) => {
      const start = (): void => {
        isThere = true
        sendBody(request, upstream)
      }
      if (socket.connecting) socket.once('connect', start)
      else start()
    })
    upstream.on('continue', () => response.writeContinue())
    upstream.on('response', (answer) => sendAnswer(answer, response, () => counters.failed++))
    upstream.on('error', (error) => {
      request.unpipe(upstream)
      const isKept = again && upstream.reusedSocket && isRepeatable(request)
      if (response.destroyed || response.headersSent) response.destroy()
      else if (!isThere) absent()
      // A connection that had been kept, closed at the same moment from the other end.
      else if (isKept) attempt(false)
      else answerGone(response, peer, error.message, counters)
    })
    response.once('close', () => response.writableFinished || upstream.destroy())
    upstream.flushHeaders()
  }
  attempt(true)
}

/** For an upgrade that can not be handed over: its bytes pass through this process. */
export function forwardUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  { peer, folder, counters, absent }: Forwarding,
): void {
  const upstream = http.request({
    agent: false,
    socketPath: doorOf(folder, peer.instance),
    method: request.method,
    path: request.url,
    headers: [...request.rawHeaders, ...visitor(socket)],
    setHost: false,
  })
  let isThere = false
  counters.forwarded++
  upstream.once('socket', (up) => up.once('connect', () => (isThere = true)))
  upstream.on('upgrade', (answer, up, first) => {
    socket.write(answerHead(answer), 'latin1')
    if (first.length > 0) socket.write(first)
    if (head.length > 0) up.write(head)
    pipeline(socket, up, socket, () => {
      up.destroy()
      socket.destroy()
    })
  })
  // The application refused.
  upstream.on('response', (answer) => {
    socket.write(answerHead(answer), 'latin1')
    answer.pipe(socket)
  })
  upstream.on('error', (error) => {
    if (isThere) {
      logGone(peer, error.message, counters)
      socket.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    } else {
      absent()
    }
  })
  socket.on('error', () => upstream.destroy())
  socket.once('close', () => upstream.destroy())
  upstream.end()
}

function sendBody(request: IncomingMessage, upstream: ClientRequest): void {
  // Trailers have to be known before the end that pipe() makes.
  request.once('end', () => {
    if (request.rawTrailers.length > 0) upstream.addTrailers(pairs(request.rawTrailers))
  })
  request.pipe(upstream)
}

function sendAnswer(answer: IncomingMessage, response: ServerResponse, failed: () => void): void {
  const status = answer.statusCode ?? 502
  if (response instanceof Http2ServerResponse) {
    const kept = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name))
    response.writeHead(status, Object.fromEntries(kept))
  } else {
    response.writeHead(status, answer.statusMessage ?? '', endToEnd(answer.rawHeaders, answer.headers.connection))
  }
  response.flushHeaders()
  answer.once('end', () => {
    if (answer.rawTrailers.length > 0) response.addTrailers(pairs(answer.rawTrailers))
  })
  pipeline(answer, response, (error) => {
    // The client went away, or the other worker ended in the middle: then this connection must not look complete.
    if (error !== undefined && error !== null && !response.writableFinished) {
      if (!response.destroyed) failed()
      response.destroy()
    }
  })
}

/** It can be sent twice, and has no body that was sent once already. */
function isRepeatable({ method, headers }: IncomingMessage): boolean {
  const isSafe = method === 'GET' || method === 'HEAD'
  return isSafe && headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
}

/** Names and values in turns. */
function requestHeaders(request: IncomingMessage, expects: boolean): string[] {
  const { headers, rawHeaders, socket } = request
  const kept =
    request instanceof Http2ServerRequest
      ? fromHttp2(request)
      : [...endToEnd(rawHeaders, headers.connection), ...chunked(headers['transfer-encoding'] !== undefined)]
  // Without a listener for it Node has told the client to go on.
  const sent = expects ? kept : withoutName(kept, 'expect')
  return [...sent, ...visitor(socket)]
}

/** Header values are Latin-1. */
function visitor(socket: Socket): [string, string] {
  return [VISITOR, encodeURIComponent(introduce(socket))]
}

function fromHttp2(request: Http2ServerRequest): string[] {
  const { headers, rawHeaders, stream } = request
  const fields = rawHeaders.filter((_, i) => !rawHeaders[i - (i % 2)]?.startsWith(':'))
  const host = headers.host === undefined ? ['host', headers[':authority'] ?? ''] : []
  return [...fields, ...host, ...chunked(headers['content-length'] === undefined && !stream.endAfterHeaders)]
}

function chunked(is: boolean): string[] {
  return is ? ['transfer-encoding', 'chunked'] : []
}

function endToEnd(rawHeaders: readonly string[], connection = ''): string[] {
  const named = connection.toLowerCase().split(',')
  const listed = new Set(named.map((name) => name.trim()))
  return rawHeaders.filter((_, i) => {
    const name = rawHeaders[i - (i % 2)]?.toLowerCase() ?? ''
    return !HOP_BY_HOP.has(name) && !listed.has(name)
  })
}

function withoutName(rawHeaders: readonly string[], unwanted: string): string[] {
  return rawHeaders.filter((_, i) => rawHeaders[i - (i % 2)]?.toLowerCase() !== unwanted)
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? ''])
}

/** For a connection that is closed after the answer, or not HTTP any more. */
function answerHead({ statusCode, statusMessage, rawHeaders, headers }: IncomingMessage): string {
  const isUpgrade = statusCode === 101
  const lines = isUpgrade ? rawHeaders : [...endToEnd(rawHeaders, headers.connection), 'connection', 'close']
  const text = pairs(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${text.join('')}\r\n`
}
