// A connection that brings one request after the other of a session elsewhere goes to that worker itself, so that only
// the first of them takes the way through two processes.
import http, { type IncomingMessage, type Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Peer } from '../ipc/messages.ts'
import { isCut } from './peer/forward-headers.ts'
import { processRuntime } from '../runtime.ts'
import { movedOf } from '../serving/attach.ts'
import { isMovable, transferSocket, requestHead } from './transfer-socket.ts'
import type { Peers } from './peers.ts'

/**
 * Node's parser of a connection, the same in Node 20 to 26. Where its answer is 2 nothing behind the request's head is
 * read: it is taken for an upgrade, and so its socket can be given away with each byte that came.
 */
interface Parser {
  onIncoming?: ((request: Upgradable, keepAlive: boolean) => number) | null
}

type Upgradable = IncomingMessage & { upgrade?: boolean | null }

const TAKE_FOR_UPGRADE = 2

/** What a server may be told to allow, and would count anew elsewhere. */
const LIMITS = ['maxRequestsPerSocket', 'maxConnections'] as const

/** Requests that Node takes for upgrades, and whose they are. */
const migrating = new WeakMap<IncomingMessage, Peer>()

/** Connections that stay: proxies put the requests of many clients on one. */
const shared = new WeakSet<Socket>()

/** Node's own listener for connections, which speaks HTTP on them. */
const speakHttp: unknown = Reflect.get(http, '_connectionListener')

/**
 * Looks at the next request on the connection: if it is of the same session's worker, the connection follows it there.
 * Each connection does so once at most; what comes later on it for somebody else is sent on.
 *
 * @param request - one that is sent on to the peer
 */
export function migrateWithNext(
  server: Server,
  request: IncomingMessage,
  peer: Peer,
  peers: Pick<Peers, 'ownerOf'>,
): void {
  const { socket } = request
  const parser = Reflect.get(socket, 'parser') as Parser | null | undefined
  const own = parser?.onIncoming
  if (!parser || typeof own !== 'function' || typeof speakHttp !== 'function') return
  // Its requests are counted here; and where its new server has as many connections as it may have, it would be closed.
  if (LIMITS.some((limit) => Number(Reflect.get(server, limit)) > 0)) return
  if (shared.has(socket) || movedOf(socket) !== undefined || !isMovable(socket)) return
  parser.onIncoming = (next, keepAlive) => {
    parser.onIncoming = own
    if (shared.has(socket) || processRuntime.isDraining || !process.connected) return own(next, keepAlive)
    const owner = peers.ownerOf(next)
    if (owner === 'mine' || (typeof owner === 'object' && owner.instance !== peer.instance)) shared.add(socket)
    else if (typeof owner === 'object' && !owner.draining && keepAlive && isAlone(next)) {
      migrating.set(next, owner)
      next.upgrade = true
      // Node 26 closes the connection of an upgrade that nobody listens for.
      if (server.listenerCount('upgrade') === 0) server.on('upgrade', ignore)
      return TAKE_FOR_UPGRADE
    }
    return own(next, keepAlive)
  }
}

/** Nothing belongs to it but its head, and all before it is answered. */
function isAlone(request: Upgradable): boolean {
  const { headers, socket, upgrade } = request
  const { 'content-length': length, 'transfer-encoding': encoding, expect } = headers
  const hasNoBody = (length === undefined || length === '0') && encoding === undefined && expect === undefined
  return hasNoBody && !isCut(request) && !upgrade && !Reflect.get(socket, '_httpMessage')
}

/**
 * Gives away the connection of a request that {@link migrateWithNext} has picked, which Node then tells as an upgrade.
 *
 * @param from - id of this worker
 * @returns whether it had: else it is a real one, and nothing has happened
 */
export function migrate(
  server: Server,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  from: number,
  counters: { moved: number },
): boolean {
  const peer = migrating.get(request)
  if (peer === undefined) return false
  server.off('upgrade', ignore)
  if (transferSocket(request, socket, head, peer, { settled: false, from })) counters.moved++
  else stay(server, request, socket, head)
  return true
}

/** More was read than can go along. */
function stay(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  shared.add(socket)
  // Node had set the one for connections that are not in use.
  socket.setTimeout(0)
  socket.unshift(Buffer.concat([requestHead(request), head]))
  Reflect.apply(speakHttp as (this: Server, socket: Socket) => void, server as HttpServer, [socket])
}

function ignore(): void {}
