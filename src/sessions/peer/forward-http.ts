// What goes to another worker over HTTP through its peer socket: requests of HTTP/2, whose answers are not bytes that can
// be passed on, and upgrades that can not be handed over, whose bytes pass through this process.
import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { noteWebSocket } from '../../serving/websockets.ts'
import { endToEnd, HOP_BY_HOP, pairs, requestHeaders, upgradeHeaders } from './forward-headers.ts'
import { answerGone, isRepeatable, logGone, type Forwarding } from './forwarding.ts'
import { peerSocketPath, MAX_HEAD } from './peer-socket.ts'
import { FrameStream } from './websocket-frames.ts'

/** Milliseconds that a connection is kept unused; the peer socket keeps it for longer, so that it never closes first. */
const IDLE = 4_000

const agent = new http.Agent({ keepAlive: true, timeout: IDLE, maxFreeSockets: 256, scheduling: 'lifo' })

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
      socketPath: peerSocketPath(folder, peer.instance),
      method: request.method,
      path: request.url,
      headers: requestHeaders(request, event === 'checkContinue'),
      setHost: false,
      maxHeaderSize: MAX_HEAD,
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

/**
 * The connection to the other worker is made for it, and ends with it.
 *
 * @param server - at which it came in, and which closes it at its own end
 */
export function forwardUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  { peer, folder, counters, absent }: Forwarding,
): void {
  const upstream = http.request({
    agent: false,
    socketPath: peerSocketPath(folder, peer.instance),
    method: request.method,
    path: request.url,
    headers: upgradeHeaders(request, socket),
    setHost: false,
    maxHeaderSize: MAX_HEAD,
  })
  let isThere = false
  counters.forwarded++
  upstream.once('socket', (up) => up.once('connect', () => (isThere = true)))
  upstream.on('upgrade', (answer, up, first) => {
    socket.write(answerHead(answer), 'latin1')
    if (first.length > 0) up.unshift(first)
    if (head.length > 0) up.write(head)
    // At both ends of the pipeline it hears of itself more often than Node finds right.
    socket.setMaxListeners(0)
    const isWebSocket = answer.headers.upgrade?.toLowerCase() === 'websocket'
    pipeline([socket, up, ...(isWebSocket ? [framesFor(socket, server)] : []), socket], () => {
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

/** Its client is told to come back when this process ends, between what the other worker says. */
function framesFor(socket: Socket, server: Server): FrameStream {
  const frames = new FrameStream()
  noteWebSocket(server, socket, (frame) => frames.insert(frame))
  return frames
}

/** For a connection that is closed after the answer, or not HTTP any more. */
function answerHead({ statusCode, statusMessage, rawHeaders, headers }: IncomingMessage): string {
  const isUpgrade = statusCode === 101
  const lines = isUpgrade ? rawHeaders : [...endToEnd(rawHeaders, headers.connection), 'connection', 'close']
  const text = pairs(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${text.join('')}\r\n`
}
