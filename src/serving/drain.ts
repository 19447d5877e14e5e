// Drains a server: the requests in service are answered, then their connections are closed. Connections without a request
// are closed earlier: docs/guarantees.md has the table of all kinds of connections.
import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import { Server, type Socket } from 'node:net'
import type { Drain } from '../ipc/messages.ts'
import { isAdopted, type ServerInside } from './attach.ts'
import type { DenseSet } from './dense-set.ts'
import { takeFirstClose } from './first-close.ts'
import { hasStream, openConnections, responseOn, type OpenConnections } from './open-connections.ts'
import { isHttp } from './target.ts'
import { prepareWebSockets } from './websockets.ts'

/**
 * Milliseconds between two looks at the connections, at most a 16th of the deadline: all that the drain closes by itself is
 * closed within half of the deadline. A connection that is open for less may bring a request that the client sent before
 * it learned of the end, and that would be lost with the connection.
 */
const LOOK = 250

/**
 * Looks for which a connection stays open after its last answer. A client that sends its next request sooner learns of the
 * end by the answer, and sends no request into a connection that closes. A session of HTTP/2 is told at the first look.
 */
const IDLE_LOOKS = 4

/** Looks after which a connection is closed where its TLS handshake or its request head is still not complete. */
const INCOMPLETE_LOOKS = 8

/** Looks for which the client of an HTTP/2 session that has ended can close the connection. */
const ENDED_LOOKS = 4

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
  const connections = openConnections(server)
  const closeWebSockets = isHttp(server) ? prepareWebSockets(server) : undefined
  return async (plan, sessionsEnded) => {
    closeWebSockets?.(plan)
    if (isHttp(server)) closeAfterAnswers(server, connections.sockets)
    const look = closeUnused(server, connections)
    // Repeated, because connections change, and an answer that still says keep-alive may be on its way. In its own turn,
    // because timers run before the bytes are read that came while the event loop was held up.
    const timer = setInterval(() => setImmediate(look), Math.min(LOOK, plan.deadline / 16)).unref()
    await sessionsEnded
    await closed(server)
    clearInterval(timer)
  }
}

/** From now on the answers on these connections say `Connection: close`. HTTP/2 has GOAWAY instead. */
function closeAfterAnswers(server: Server, sockets: DenseSet<Socket>): void {
  for (const socket of sockets) closeAfter(responseOn(socket))
  const onRequest = ({ httpVersionMajor, socket }: IncomingMessage, response: ServerResponse): void => {
    // A request that another worker forwarded came on a connection of that worker, which stays open.
    if (httpVersionMajor < 2 && sockets.has(socket)) closeAfter(response)
  }
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    // A listener where there was none would change what Node does with the request.
    if (server.listenerCount(event) > 0) server.prependListener(event, onRequest)
  }
}

/** Has no effect where the headers are sent already. */
function closeAfter(response: ServerResponse | undefined): void {
  if (response !== undefined) response.shouldKeepAlive = false
}

/** @returns to be called once per look: closes the connections whose time is over */
function closeUnused(server: Server, { sockets, stateOf }: OpenConnections): () => void {
  /** Looks at each connection so far, and at each whose session has ended. */
  const looksAt = new Map<Socket, number>([...sockets].map((socket) => [socket, 0]))
  const looksAtEnded = new Map<Socket, number>()
  const closeSession = (socket: Socket, session: Http2Session, count: number): void => {
    if (count === 1 && !session.closed && !session.destroyed) session.goaway(0, ANY_STREAM)
    if (count >= IDLE_LOOKS) session.close()
    // Node waits for the rest of a request head, and for the client to close the connection. A client may do neither.
    const isLate = session.destroyed
      ? add(looksAtEnded, socket, 1) > ENDED_LOOKS
      : count >= INCOMPLETE_LOOKS && !hasStream(session)
    if (isLate) socket.destroy()
  }
  let looks = 0
  return () => {
    looks++
    if (isHttp(server) && looks >= IDLE_LOOKS) closeIdleConnections(server, sockets)
    for (const socket of sockets) {
      // A connection that came since the last look has its first one at the next.
      const count = add(looksAt, socket, looksAt.has(socket) ? 1 : 0)
      if (count === 0) continue
      const state = stateOf(socket)
      if (typeof state === 'object') closeSession(socket, state, count)
      else if (state === 'silent' || (state === 'incomplete' && count >= INCOMPLETE_LOOKS)) socket.destroy()
    }
  }
}

function add(counts: Map<Socket, number>, socket: Socket, more: number): number {
  const count = (counts.get(socket) ?? 0) + more
  counts.set(socket, count)
  return count
}

/**
 * Closes the connections that wait for their next request; for Node, one that waits for its first request is not idle. Node
 * takes a connection for idle too where `response.end()` was called and the client has not read the whole answer (20 to
 * 26), so such an answer looks unfinished meanwhile.
 */
function closeIdleConnections(server: Server, sockets: DenseSet<Socket>): void {
  const unsent = [...sockets].map(responseOn).filter((response) => response?.writableEnded)
  for (const response of unsent) Object.assign(response ?? {}, { finished: false })
  // The method of http2's own servers is missing in older versions.
  HttpServer.prototype.closeIdleConnections.call(server as HttpServer)
  for (const response of unsent) Object.assign(response ?? {}, { finished: true })
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
      takeFirstClose(server)
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
