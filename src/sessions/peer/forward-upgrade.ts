// Upgrades that go to another worker and can not be handed over: their bytes pass through this process.
import http, { type IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { endToEnd, pairs, upgradeHeaders } from './forward-headers.ts'
import { logGone, type Forwarding } from './forwarding.ts'
import { FrameStream } from './websocket-frames.ts'
import { peerSocketPath, MAX_HEAD } from './peer-socket.ts'
import { noteWebSocket } from '../../serving/websockets.ts'

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
