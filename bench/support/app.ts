// The application of every contender. It does as little as possible, so that the figures show the cost of the balancer.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'

/** 'ok' and the pid, always with the same length. */
const BODY = Buffer.from(`ok ${String(process.pid).padStart(8)}`)

export function answer(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Content-Length', BODY.length)
  response.end(BODY)
}

/** An http server; with BENCH_WS=1 it echoes WebSocket messages too. */
export function createApp(listener = answer): Server {
  const server = createServer(listener)
  // Connections must stay open while other contenders have their turns.
  server.keepAliveTimeout = 300_000
  if (process.env['BENCH_WS'] !== '1') return server
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (socket) => {
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
    // A reset by the client emits 'error', which needs no reaction.
    socket.on('error', () => {})
  })
  return server
}

/** Tells the bench that this process is ready. */
export function sayReady(): void {
  process.stdout.write('ready\n')
}
