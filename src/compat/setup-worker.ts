// What @socket.io/sticky (2.x) has for workers.
import cluster from 'node:cluster'
import type { IncomingMessage } from 'node:http'
import { Server } from 'node:net'
import { StickyError } from '../errors.ts'
import { misuse, show } from '../options/reader.ts'
import { primaryChannel } from '../ipc/channel.ts'
import { PROTOCOL_VERSION, type Registration } from '../ipc/messages.ts'
import { sendToPrimary } from '../ipc/send.ts'
import { intake } from '../serving/intake.ts'
import { processRuntime } from '../runtime.ts'
import { sessionLayer } from '../sessions/session-layer.ts'

/** What is used of Socket.IO's Server, version 4. */
export interface SocketIOServer {
  engine: { generateId(request: IncomingMessage): string | PromiseLike<string> }
}

/**
 * `setupWorker` of the package \@socket.io/sticky: the server under `io` gets connections from the primary, and requests of
 * a Socket.IO session go to the worker that has it, whichever one their connection is on.
 *
 * To be called once, in a worker of node:cluster. The server must not listen.
 *
 * @param io - a Server of Socket.IO, attached to an HTTP server: `new Server(httpServer)`
 * @throws TypeError with code HOLDFAST_BAD_OPTION when the call is wrong
 * @throws StickyError HOLDFAST_TARGET_LISTENS
 */
export function setupWorker(io: SocketIOServer): void {
  if (!cluster.isWorker) {
    const write = 'if (cluster.isPrimary) setupPrimary(httpServer); else setupWorker(io)'
    throw misuse(TypeError, `setupWorker: expected to be called in a worker, this is the primary; write ${write}`)
  }
  const server: unknown = Reflect.get(Object(io), 'httpServer')
  if (!(server instanceof Server) || Reflect.get(io, 'engine') === undefined) {
    const expected = "Socket.IO's server, attached to an HTTP server"
    throw misuse(TypeError, `setupWorker: expected ${expected}, got ${show(io)}; write new Server(httpServer)`)
  }
  if (server.listening) throw new StickyError('HOLDFAST_TARGET_LISTENS', 'leave the call out; the primary listens')
  if (isSetUp) throw misuse(TypeError, 'setupWorker: called before; one server of Socket.IO gets the connections')
  isSetUp = true
  keepSessions(io)
  void serve(server)
}

let isSetUp = false

/** A session's id names this process. */
function keepSessions({ engine }: SocketIOServer): void {
  processRuntime.keep('socket.io')
  const generateId = engine.generateId.bind(engine)
  engine.generateId = (request) => processRuntime.sid?.() ?? generateId(request)
}

async function serve(server: Server): Promise<void> {
  const registration = await register()
  const channel = primaryChannel()
  const incoming = intake(registration, channel)
  // A session of Socket.IO waits for nobody: its worker is there, or it is no more.
  await sessionLayer({ session: [], balance: 'random', limits: { holdTimeout: 0 } }, registration, channel).open(server)
  incoming.attach(server, () => {
    processRuntime.isDraining = true
    sendToPrimary({ type: 'leaving', reason: 'server.close()' })
  })
  sendToPrimary({ type: 'ready', version: PROTOCOL_VERSION })
}

/** Milliseconds between two times that it is said: nobody hears it as long as the primary is not set up. */
const AGAIN = 500

/** After so many times somebody should know. */
const PATIENCE = 10

function register(): Promise<Registration> {
  return new Promise((done) => {
    let said = 0
    const say = (): void => {
      sendToPrimary({ type: 'register', version: PROTOCOL_VERSION })
      if (++said !== PATIENCE) return
      const hint = "in the primary call setupPrimary(httpServer) of 'holdfast/compat', and httpServer.listen()"
      processRuntime.logger.warn('cluster.no-answer', { hint })
    }
    const timer = setInterval(say, AGAIN).unref()
    const removeHandler = primaryChannel().on('registered', ({ registration }) => {
      clearInterval(timer)
      removeHandler()
      done(registration)
    })
    say()
  })
}
