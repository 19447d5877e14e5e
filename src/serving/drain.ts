// Drains a server: the requests in service are answered, then their connections are closed.
import type { Server as HttpServer, ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import { Server, type Socket } from 'node:net'
import type { Drain } from '../ipc/messages.ts'
import { isAdopted, movedOf, type ServerInside } from './attach.ts'
import { DenseSet } from './dense-set.ts'
import { isHttp1, isHttps } from './target.ts'
import { prepareWebSockets } from './websockets.ts'

/**
 * Milliseconds between two looks for connections without a request. A connection that is open for less may bring a
 * request that the client sent before it learned of the end, and that would be lost with the connection.
 */
const IDLE_CHECK = 250

/**
 * Milliseconds, at most a quarter of the deadline, for which a connection stays open after its last answer. A client that
 * sends its next request sooner learns of the end by the answer, and sends no request into a connection that closes.
 */
const KEEP_IDLE = 1_000

/** Idle checks after which a connection is closed where its first request is still not complete. */
const FIRST_REQUEST_CHECKS = 8

/** Milliseconds before an HTTP/2 session gets GOAWAY, and from then until it closes. */
const GOAWAY_DELAY = 250

/** GOAWAY with this stream id announces that no new streams are taken soon, and refuses none (RFC 9113, 6.8). */
const ANY_STREAM = 2 ** 31 - 1

/**
 * Closes the server; resolves when its last connection has ended.
 *
 * @param sessionsEnded - the server is not closed before, because Socket.IO ends all sessions when its server closes
 */
export type DrainServer = (plan: Drain, sessionsEnded?: Promise<void>) => Promise<void>

/** @param server - has had no connection yet */
export function prepareDrain(server: Server): DrainServer {
  return isHttp1(server) ? prepareHttp1(server) : prepareHttp2(server)
}

/** While the server drains, answers say `Connection: close`, and connections without a request are closed. */
function prepareHttp1(server: HttpServer | HttpsServer): DrainServer {
  const sockets = openSockets(server)
  const closeWebSockets = prepareWebSockets(server)
  return async (plan, sessionsEnded) => {
    closeWebSockets(plan)
    for (const socket of sockets) closeAfter(responseOn(socket))
    server.prependListener('request', ({ socket }, response) => {
      // A request that another worker forwarded came on a connection of that worker, which stays open.
      if (sockets.has(socket)) closeAfter(response)
    })
    const keepIdle = Math.min(KEEP_IDLE, plan.deadline / 4)
    let checks = 0
    // Repeated, because an answer that still says keep-alive may be on its way.
    const timer = setInterval(() => {
      checks++
      if (checks * IDLE_CHECK >= keepIdle) server.closeIdleConnections()
      // For Node a connection is idle only after its first request. A connection without a byte is closed now (browsers
      // open some in advance); one in the middle of its first request has some time more.
      const isLate = checks >= FIRST_REQUEST_CHECKS
      for (const socket of sockets) if (isUnused(socket) || (isLate && hasNoResponse(socket))) socket.destroy()
    }, IDLE_CHECK).unref()
    await sessionsEnded
    await closed(server)
    clearInterval(timer)
  }
}

/** Has no effect where the headers are sent already. */
function closeAfter(response: ServerResponse | undefined): void {
  if (response !== undefined) response.shouldKeepAlive = false
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
  if (isHttps(server)) server.on('secureConnection', add)
  return sockets
}

/** Whether no byte was read. The bytes of a connection that another worker transferred were read there. */
function isUnused(socket: Socket): boolean {
  return socket.bytesRead === 0 && movedOf(socket) === undefined
}

function responseOn(socket: Socket): ServerResponse | undefined {
  return (Reflect.get(socket, '_httpMessage') as ServerResponse | null | undefined) ?? undefined
}

/** Whether the connection speaks HTTP, which Node's parser on it shows, and has no request that is being answered. */
function hasNoResponse(socket: Socket): boolean {
  return !socket.destroyed && Boolean(Reflect.get(socket, 'parser')) && responseOn(socket) === undefined
}

/** An HTTP/2 session closes when its open streams have ended. A server without sessions is just closed. */
function prepareHttp2(server: Server): DrainServer {
  const sessions = new DenseSet<Http2Session>()
  let closeSession: (session: Http2Session) => void = () => {}
  server.on('session', (session: Http2Session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    closeSession(session)
  })
  return async (_plan, sessionsEnded) => {
    closeSession = (session) => {
      setTimeout(() => session.destroyed || session.goaway(0, ANY_STREAM), GOAWAY_DELAY)
      setTimeout(() => session.close(), 2 * GOAWAY_DELAY)
    }
    for (const session of sessions) closeSession(session)
    await sessionsEnded
    await closed(server)
  }
}

/**
 * Closes the server where the application has not. Connections that arrive after that are waited for too. An adopted
 * server stays open: the program closes it, and finds it as it would alone.
 */
function closed(server: Server): Promise<void> {
  if (isAdopted(server)) return connectionsEnded(server)
  return new Promise((done) => {
    if (server.listening) {
      // Not the close() of node:http, which closes connections without a request at once.
      Server.prototype.close.call(server, () => done())
      return
    }
    server.getConnections((_error, count) => {
      if (count === 0) done()
      else server.once('close', done)
    })
  })
}

/** Node calls this method of the server when a connection has ended, and reports the last one only where it is closed. */
function connectionsEnded(server: Server & Partial<ServerInside>): Promise<void> {
  return new Promise((done) => {
    const check = (): void => {
      if (server._connections === 0) done()
    }
    const { _emitCloseIfDrained: emitCloseIfDrained } = server
    server._emitCloseIfDrained = () => {
      emitCloseIfDrained?.call(server)
      check()
    }
    check()
  })
}
