// The open connections of a server, and what each of them does, as far as the end of the server depends on it.
import type { ServerResponse } from 'node:http'
import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import { Socket, type Server } from 'node:net'
import { movedOf } from './attach.ts'
import { DenseSet } from './dense-set.ts'
import { isHttp, isHttp2, isTls } from './target.ts'

/**
 * What a connection does:
 *
 * - `silent`: no byte has come; browsers open some connections in advance.
 * - `incomplete`: its TLS handshake or a request head is under way, or the server does not speak the client's protocol.
 *   A connection of HTTP/1.1 that waits for its next request counts too.
 * - `busy`: a request is in service, or the connection is the application's.
 * - A session of HTTP/2, which knows its streams.
 */
export type ConnectionState = 'silent' | 'incomplete' | 'busy' | Http2Session

export interface OpenConnections {
  sockets: DenseSet<Socket>
  stateOf: (socket: Socket) => ConnectionState
}

/**
 * What a connection carries, as a property of its socket: `tls` below a TLS socket, `unknown` a protocol that the server
 * does not speak, or a session of HTTP/2.
 */
const CARRIES: unique symbol = Symbol('holdfast.carries')

type Carrier = Socket & { [CARRIES]?: 'tls' | 'unknown' | Http2Session }

/** @param server - has had no connection yet */
export function openConnections(server: Server): OpenConnections {
  const sockets = openSockets(server)
  const speaksHttp = isHttp(server)
  const speaksTls = isTls(server)
  if (speaksTls) server.on('secureConnection', markTls)
  if (isHttp2(server)) markSessions(server)
  return {
    sockets,
    stateOf(socket: Carrier) {
      // The application may give the server streams of its own.
      if (!(socket instanceof Socket)) return 'busy'
      const carried = socket[CARRIES]
      if (speaksTls && !Reflect.get(socket, 'encrypted')) {
        if (carried === 'tls') return 'busy' // as the TLS socket does
        return socket.bytesRead === 0 ? 'silent' : 'incomplete'
      }
      if (typeof carried === 'object') return carried
      if (speaksHttp && isUnused(socket)) return 'silent'
      return carried === 'unknown' || hasNoResponse(socket) ? 'incomplete' : 'busy'
    },
  }
}

/**
 * The open connections of a server. A TLS connection is in it twice: as the TCP socket, and as the TLS socket.
 *
 * @param server - has had no connection yet
 */
export function openSockets(server: Server): DenseSet<Socket> {
  const sockets = new DenseSet<Socket>()
  // One function for all sockets.
  const remove = function (this: Socket): void {
    sockets.delete(this)
  }
  const add = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', remove)
  }
  server.on('connection', add)
  if (isTls(server)) server.on('secureConnection', add)
  return sockets
}

function markTls(socket: Socket): void {
  const below = Reflect.get(socket, '_parent') as Carrier | null | undefined
  if (below) below[CARRIES] = 'tls'
}

/** Streams of an HTTP/2 session whose head has come, and that are open. Node has no property for it. */
const STREAMS: unique symbol = Symbol('holdfast.streams')

type Counted = Http2Session & { [STREAMS]?: number }

/** @returns whether a request is in service; one of which only a part of the head has come is not */
export function hasStream(session: Counted): boolean {
  return (session[STREAMS] ?? 0) > 0
}

/** Node's own listener for connections runs before these. */
function markSessions(server: Server): void {
  server.on('session', (session: Http2Session) => {
    // `session.socket` passes the property on to the socket.
    const carrier = session.socket as Carrier
    carrier[CARRIES] = session
  })
  server.on('stream', (stream: ServerHttp2Stream) => {
    const session = stream.session as Counted
    session[STREAMS] = (session[STREAMS] ?? 0) + 1
    stream.once('close', () => (session[STREAMS] = (session[STREAMS] ?? 0) - 1))
  })
  server.on('secureConnection', (socket: Carrier) => {
    const isSpoken = socket[CARRIES] !== undefined || Boolean(Reflect.get(socket, 'parser'))
    // With a listener the application speaks the protocol itself. Otherwise Node has answered, and waits for the client.
    if (!isSpoken && server.listenerCount('unknownProtocol') === 0) socket[CARRIES] = 'unknown'
  })
}

/** Whether no byte was read. The bytes of a connection that another worker transferred were read there. */
function isUnused(socket: Socket): boolean {
  return socket.bytesRead === 0 && movedOf(socket) === undefined
}

/** @returns the answer that is under way on a connection of HTTP/1.1 */
export function responseOn(socket: Socket): ServerResponse | undefined {
  return (Reflect.get(socket, '_httpMessage') as ServerResponse | null | undefined) ?? undefined
}

/** Whether the connection speaks HTTP/1.1, which Node's parser on it shows, and has no request that is being answered. */
function hasNoResponse(socket: Socket): boolean {
  return !socket.destroyed && Boolean(Reflect.get(socket, 'parser')) && responseOn(socket) === undefined
}
