// How a server finishes what it serves: the last requests are answered, then the connections are closed.
import { Server as HttpServer, type ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import { Server as HttpsServer } from 'node:https'
import { Server, type Socket } from 'node:net'
import { DenseSet } from './dense-set.ts'
import type { Drain } from '../ipc/messages.ts'
import { movedOf } from './attach.ts'
import { webSockets } from './websockets.ts'

/**
 * Milliseconds that a connection without a request is left open, and how often it is looked at from then on. A request
 * that the client sent before it heard of the end is on its way meanwhile, and would be lost with the connection.
 */
const GRACE = 250

/**
 * Milliseconds, or a quarter of all the time there is, that a connection is left open that had a request before. Whose next
 * one comes sooner is told by its answer, and can not send one more into a connection that is just closing.
 */
const IDLE = 1_000

/** After so many looks a first request that is still not complete is given up. */
const PATIENCE = 8

/** GOAWAY with this stream id says: no new streams soon, and none of those on their way is refused (RFC 9113, 6.8). */
const ANY_STREAM = 2 ** 31 - 1

/**
 * Closes the server; resolves when its last connection has ended.
 *
 * @param sessions - until then the server itself is not closed: Socket.IO ends all its sessions when that happens
 */
export type Finish = (how: Drain, sessions?: Promise<void>) => Promise<void>

/** To be called before the first connection comes in. */
export function finisher(server: Server): Finish {
  return isHttp1(server) ? finisherHttp1(server) : finisherHttp2(server)
}

function isHttp1(server: Server): server is HttpServer | HttpsServer {
  return server instanceof HttpServer || server instanceof HttpsServer
}

/** Answers from now on say `Connection: close`, and what stays without a request is closed. */
function finisherHttp1(server: HttpServer | HttpsServer): Finish {
  const open = openSockets(server)
  const closeWebSockets = webSockets(server)
  return async (how, sessions) => {
    closeWebSockets(how)
    for (const socket of open) closeAfter(inService(socket))
    server.prependListener('request', ({ socket }, response) => {
      // A request that another worker forwarded came on a connection of that worker, which stays open.
      if (open.has(socket)) closeAfter(response)
    })
    const idle = Math.min(IDLE, how.deadline / 4)
    let rounds = 0
    // Again and again: an answer may be on its way that still says keep-alive.
    const timer = setInterval(() => {
      rounds++
      if (rounds * GRACE >= idle) server.closeIdleConnections()
      // Node counts a connection as idle only after its first request. One that said nothing goes now (browsers open
      // some in advance), one that is in the middle of its first request gets a little longer.
      const patient = rounds < PATIENCE
      for (const socket of open) if (isSilent(socket) || (!patient && isWaiting(socket))) socket.destroy()
    }, GRACE).unref()
    await sessions
    await closed(server)
    clearInterval(timer)
  }
}

/** Without effect where the headers are out already. */
function closeAfter(response: ServerResponse | undefined): void {
  if (response !== undefined) response.shouldKeepAlive = false
}

/** With TLS each connection is there twice: as it came, and as the one that the parser is on. */
export function openSockets(server: Server): DenseSet<Socket> {
  const open = new DenseSet<Socket>()
  // One function for all.
  const forget = function (this: Socket): void {
    open.delete(this)
  }
  const add = (socket: Socket): void => {
    open.add(socket)
    socket.on('close', forget)
  }
  server.on('connection', add)
  if (server instanceof HttpsServer) server.on('secureConnection', add)
  return open
}

/** What one said that came from another worker was read there. */
function isSilent(socket: Socket): boolean {
  return socket.bytesRead === 0 && movedOf(socket) === undefined
}

function inService(socket: Socket): ServerResponse | undefined {
  return (Reflect.get(socket, '_httpMessage') as ServerResponse | null | undefined) ?? undefined
}

/** Node sets the parser while the connection speaks HTTP: not after an upgrade. */
function isWaiting(socket: Socket): boolean {
  return !socket.destroyed && Boolean(Reflect.get(socket, 'parser')) && inService(socket) === undefined
}

/** The streams that are open finish, then the session closes. Any other server has no sessions and is just closed. */
function finisherHttp2(server: Server): Finish {
  const sessions = new DenseSet<Http2Session>()
  let end: (session: Http2Session) => void = () => {}
  server.on('session', (session: Http2Session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    end(session)
  })
  return async (_how, ended) => {
    end = (session) => {
      setTimeout(() => session.destroyed || session.goaway(0, ANY_STREAM), GRACE)
      setTimeout(() => session.close(), 2 * GRACE)
    }
    for (const session of sessions) end(session)
    await ended
    await closed(server)
  }
}

/** Also after the application itself called `server.close()`, and after late connections came in all the same. */
function closed(server: Server): Promise<void> {
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
