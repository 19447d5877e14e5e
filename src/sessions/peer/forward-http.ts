// Requests of HTTP/2 to another worker, over HTTP through its peer socket, streamed both ways: their answers are not bytes
// that can be passed on.
import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import { pipeline } from 'node:stream'
import { endToEnd, HOP_BY_HOP, pairs, requestHeaders } from './forward-headers.ts'
import { answerGone, isRepeatable, type Forwarding } from './forwarding.ts'
import { peerSocketPath, MAX_HEAD } from './peer-socket.ts'

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
