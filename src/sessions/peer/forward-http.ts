// What goes to another worker over HTTP through its peer socket: HTTP/2 requests, because their answers are not bytes that
// can be passed on, and upgrades where the socket cannot be transferred.
import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { addWebSocket } from '../../serving/websockets.ts'
import { endToEnd, HOP_BY_HOP, isRepeatable, http2RequestHeaders, pairs, upgradeHeaders } from './forward-headers.ts'
import type { ForwardFailures } from './outgoing-streams.ts'
import { MAX_HEAD } from './peer-socket.ts'
import { FrameStream } from './websocket-frames.ts'

/**
 * Milliseconds for which an unused connection is kept. The peer socket keeps it for longer, so the connection is never
 * closed from the other end first.
 */
const KEEP_UNUSED = 4_000

const agent = new http.Agent({ keepAlive: true, timeout: KEEP_UNUSED, maxFreeSockets: 256, scheduling: 'lifo' })

/**
 * Forwards a request of HTTP/2, streamed both ways.
 *
 * @param event - the event of the application's server: 'request', 'checkContinue' or 'checkExpectation'
 * @param socketPath - of the other worker's peer socket
 */
export function forwardHttp2Request(
  request: IncomingMessage,
  response: ServerResponse,
  event: string,
  socketPath: string,
  failures: ForwardFailures,
): void {
  const attempt = (isFirst: boolean): void => {
    const upstream = http.request({
      agent,
      socketPath,
      method: request.method,
      path: request.url,
      headers: http2RequestHeaders(request, event === 'checkContinue'),
      setHost: false,
      maxHeaderSize: MAX_HEAD,
    })
    let isConnected = false
    upstream.once('socket', (socket) => {
      const start = (): void => {
        isConnected = true
        sendBody(request, upstream)
      }
      if (socket.connecting) socket.once('connect', start)
      else start()
    })
    upstream.on('continue', () => response.writeContinue())
    upstream.on('response', (answer) => sendAnswer(answer, response))
    upstream.on('error', (error) => {
      request.unpipe(upstream)
      if (response.destroyed || response.headersSent) response.destroy()
      else if (!isConnected) failures.unreachable()
      // The other end closed a kept connection at the moment in which the request was sent.
      else if (isFirst && upstream.reusedSocket && isRepeatable(request)) attempt(false)
      else failures.ended(error.message, false)
    })
    response.once('close', () => response.writableFinished || upstream.destroy())
    upstream.flushHeaders()
  }
  attempt(true)
}

function sendBody(request: IncomingMessage, upstream: ClientRequest): void {
  // Trailers have to be added before pipe() ends the upstream request.
  request.once('end', () => {
    if (request.rawTrailers.length > 0) upstream.addTrailers(pairs(request.rawTrailers))
  })
  request.pipe(upstream)
}

function sendAnswer(answer: IncomingMessage, response: ServerResponse): void {
  const status = answer.statusCode ?? 502
  const headers = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name))
  response.writeHead(status, Object.fromEntries(headers))
  response.flushHeaders()
  answer.once('end', () => {
    if (answer.rawTrailers.length > 0) response.addTrailers(pairs(answer.rawTrailers))
  })
  pipeline(answer, response, (error) => {
    // The client has left, or the other worker ended in the middle of the answer, which must not look complete then.
    if (error !== undefined && error !== null && !response.writableFinished) response.destroy()
  })
}

/**
 * Forwards an upgrade. The connection to the other worker is made for this upgrade, and ends with it.
 *
 * @param server - the server at which the upgrade came in, and which closes WebSockets when this process drains
 * @param head - what was read behind the request's head
 * @param socketPath - of the other worker's peer socket
 */
export function forwardUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  socketPath: string,
  failures: ForwardFailures,
): void {
  const upstream = http.request({
    agent: false,
    socketPath,
    method: request.method,
    path: request.url,
    headers: upgradeHeaders(request, socket),
    setHost: false,
    maxHeaderSize: MAX_HEAD,
  })
  let isConnected = false
  upstream.once('socket', (connection) => connection.once('connect', () => (isConnected = true)))
  upstream.on('upgrade', (answer, connection, firstBytes) => {
    socket.write(answerHead(answer), 'latin1')
    if (firstBytes.length > 0) connection.unshift(firstBytes)
    if (head.length > 0) connection.write(head)
    // The socket is both ends of the pipeline, and gets more listeners for one event than Node finds right.
    socket.setMaxListeners(0)
    const isWebSocket = answer.headers.upgrade?.toLowerCase() === 'websocket'
    pipeline([socket, connection, ...(isWebSocket ? [frameStream(socket, server)] : []), socket], () => {
      connection.destroy()
      socket.destroy()
    })
  })
  // The application has refused the upgrade.
  upstream.on('response', (answer) => {
    socket.write(answerHead(answer), 'latin1')
    answer.pipe(socket)
  })
  upstream.on('error', (error) => {
    if (isConnected) failures.ended(error.message, false)
    else failures.unreachable()
  })
  socket.on('error', () => upstream.destroy())
  socket.once('close', () => upstream.destroy())
  upstream.end()
}

/** When this process drains, a close frame goes to the client between two frames of the other worker. */
function frameStream(socket: Socket, server: Server): FrameStream {
  const frames = new FrameStream()
  addWebSocket(server, socket, (frame) => frames.insert(frame))
  return frames
}

/** The head for the client. The connection is closed after the answer, unless the answer is 101. */
function answerHead({ statusCode, statusMessage, rawHeaders, headers }: IncomingMessage): string {
  const isUpgrade = statusCode === 101
  const lines = isUpgrade ? rawHeaders : [...endToEnd(rawHeaders, headers.connection), 'connection', 'close']
  const text = pairs(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${text.join('')}\r\n`
}
