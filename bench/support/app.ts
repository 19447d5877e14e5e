// The application behind every contender: the least that answers, so that what is measured is the way to it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'

/** 'ok' and who answered, always the same length. */
const BODY = Buffer.from(`ok ${String(process.pid).padStart(8)}`)

export function answer(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Content-Length', BODY.length)
  response.end(BODY)
}

/** An http server; with BENCH_WS=1 it echoes WebSocket messages too. */
export function createApp(listener = answer): Server {
  const server = createServer(listener)
  // Connections stay while others have their turns.
  server.keepAliveTimeout = 300_000
  if (process.env['BENCH_WS'] !== '1') return server
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (socket) => {
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
    // A reset by the client is an 'error' that nobody here needs to hear of.
    socket.on('error', () => {})
  })
  return server
}

/** Tells the bench that this process serves. */
export function sayReady(): void {
  process.stdout.write('ready\n')
}
