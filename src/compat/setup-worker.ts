// setupWorker of @socket.io/sticky (2.x): a worker of node:cluster gets connections, and its sessions their requests.
import cluster from 'node:cluster'
import { Server } from 'node:net'
import { StickyError } from '../errors.ts'
import { misuse, show } from '../options/reader.ts'
import { primaryChannel } from '../ipc/channel.ts'
import { PROTOCOL_VERSION, type Registration } from '../ipc/messages.ts'
import { sendToPrimary } from '../ipc/send.ts'
import { intake } from '../serving/intake.ts'
import { sharedTicketKeys, watchTicketKeys } from '../serving/ticket-keys.ts'
import { processRuntime } from '../runtime.ts'
import { sessionLayer } from '../sessions/session-layer.ts'
import { realWorld } from '../world.ts'
import { nameProcessInIds, type EngineServer } from '../socket-io/engine-ids.ts'

/** The part of Socket.IO's Server, version 4, that is used. */
export interface SocketIOServer {
  engine: EngineServer
}

/**
 * `setupWorker` of the package \@socket.io/sticky: the HTTP server of `io` gets connections from the primary. Requests of a
 * Socket.IO session go to the worker that has the session, whichever worker has their connection.
 *
 * To be called once, in a worker of node:cluster. The server must not listen.
 *
 * @param io - a Server of Socket.IO, attached to an HTTP server: `new Server(httpServer)`
 * @throws TypeError with code HOLDFAST_BAD_OPTION where the call is wrong
 * @throws StickyError HOLDFAST_TARGET_LISTENS where the HTTP server listens
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
  processRuntime.addSessionRule('socket.io')
  nameProcessInIds(io.engine, processRuntime)
  void serve(server)
}

let isSetUp = false

// Before the application makes its server.
if (cluster.isWorker) watchTicketKeys()

async function serve(server: Server): Promise<void> {
  const registration = await register()
  const channel = primaryChannel()
  sharedTicketKeys(channel).attach(server)
  const incoming = intake(registration, channel)
  // No request waits for its worker: a Socket.IO session ends with its process.
  const limits = { holdTimeout: 0 }
  const settings = { session: [], balance: 'random', proxyProtocol: undefined, limits } as const
  await sessionLayer(settings, registration, channel, processRuntime, realWorld).open(server)
  incoming.attach(server, [0], registration.address, () => {
    processRuntime.isDraining = true
    sendToPrimary({ type: 'leaving', reason: 'server.close()' })
  })
  sendToPrimary({ type: 'ready', version: PROTOCOL_VERSION, listeners: [0] })
}

/** Milliseconds between two 'register' messages. They get no answer until the primary is set up. */
const REGISTER_INTERVAL = 500

/** Messages without an answer after which a warning is logged. */
const WARN_AFTER = 10

function register(): Promise<Registration> {
  return new Promise((done) => {
    let sent = 0
    const send = (): void => {
      sendToPrimary({ type: 'register', version: PROTOCOL_VERSION })
      if (++sent !== WARN_AFTER) return
      const hint = "in the primary call setupPrimary(httpServer) of 'holdfast/compat', and httpServer.listen()"
      processRuntime.logger.warn('cluster.no-answer', { hint })
    }
    const timer = setInterval(send, REGISTER_INTERVAL).unref()
    const removeHandler = primaryChannel().on('registered', ({ registration }) => {
      clearInterval(timer)
      removeHandler()
      done(registration)
    })
    send()
  })
}
