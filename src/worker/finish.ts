// How a server finishes what it serves: the last requests are answered, then the connections are closed.
import { Server as HttpServer } from 'node:http'
import type { Http2Session } from 'node:http2'
import { Server as HttpsServer } from 'node:https'
import type { Server } from 'node:net'

/** How often connections whose last answer was already on its way are looked for, in milliseconds. */
const IDLE_CHECK = 100

/**
 * To be called before the first connection comes in.
 *
 * @returns closes the server; resolves when its last connection has ended
 */
export function finisher(server: Server): () => Promise<void> {
  const sessions = new Set<Http2Session>()
  if (!isHttp1(server)) {
    server.on('session', (session: Http2Session) => {
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
    })
  }
  return async () => {
    const timer = isHttp1(server) ? lastRequests(server) : undefined
    // GOAWAY: the streams that are open finish, then the session closes.
    for (const session of sessions) session.close()
    await closed(server)
    clearInterval(timer)
  }
}

function isHttp1(server: Server): server is HttpServer | HttpsServer {
  return server instanceof HttpServer || server instanceof HttpsServer
}

/** Answers from now on say `Connection: close`, and a connection without a request is closed. */
function lastRequests(server: HttpServer | HttpsServer): NodeJS.Timeout {
  server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false
  })
  return setInterval(() => server.closeIdleConnections(), IDLE_CHECK).unref()
}

/** Also after the application itself called `server.close()`, and after late connections came in all the same. */
function closed(server: Server): Promise<void> {
  return new Promise((done) => {
    if (server.listening) {
      server.close(() => done())
      return
    }
    server.getConnections((_error, count) => {
      if (count === 0) done()
      else server.once('close', done)
    })
  })
}
