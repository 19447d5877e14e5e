// A connection with requests of another worker's sessions moves to that worker, so that only the first of these requests
// goes through two processes.
import http, { type IncomingMessage, type Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Peer } from '../ipc/messages.ts'
import type { Runtime } from '../runtime.ts'
import { movedOf } from '../serving/attach.ts'
import { isCut } from './peer/forward-headers.ts'
import type { Peers } from './peers.ts'
import { isMovable, requestHead, transferSocket } from './transfer-socket.ts'

/**
 * Node's HTTP parser of a connection, the same in Node 20 to 26. Where `onIncoming` returns 2, the parser takes the
 * request for an upgrade and reads nothing behind its head. So the socket can be transferred with every byte that came.
 */
interface Parser {
  onIncoming?: ((request: Upgradable, keepAlive: boolean) => number) | null
}

type Upgradable = IncomingMessage & { upgrade?: boolean | null }

const TAKE_FOR_UPGRADE = 2

/** Limits of a server that count by connection. A connection that moved would be counted anew, or closed. */
const LIMITS = ['maxRequestsPerSocket', 'maxConnections'] as const

/** Node's own listener for connections, which speaks HTTP on them. */
const speakHttp: unknown = Reflect.get(http, '_connectionListener')

export interface MigratorOptions {
  /** The application's server. */
  server: Server
  /** Number of its listener. */
  listener: number
  peers: Pick<Peers, 'ownerOf'>
  /** This process; its worker id changes when a standby becomes a worker. */
  self: { readonly worker: number }
  runtime: Pick<Runtime, 'isDraining'>
}

export class ConnectionMigrator {
  readonly #options: MigratorOptions
  /** Requests that the parser takes for upgrades so that their connection moves, and the process it moves to. */
  readonly #migrating = new WeakMap<IncomingMessage, Peer>()
  /** Connections that stay, because they bring requests of several workers' sessions, as those of a proxy do. */
  readonly #shared = new WeakSet<Socket>()

  constructor(options: MigratorOptions) {
    this.#options = options
  }

  /**
   * Looks at the next request on the connection. If the same worker has its session, the connection moves there. A
   * connection moves at most once; requests of other workers that come later are forwarded.
   *
   * @param request - a request that is forwarded to `owner`
   */
  migrateWithNext(request: IncomingMessage, owner: Peer): void {
    const { server, peers, runtime } = this.#options
    const { socket } = request
    const parser = Reflect.get(socket, 'parser') as Parser | null | undefined
    const onIncoming = parser?.onIncoming
    if (!parser || typeof onIncoming !== 'function' || typeof speakHttp !== 'function') return
    if (LIMITS.some((limit) => Number(Reflect.get(server, limit)) > 0)) return
    if (this.#shared.has(socket) || movedOf(socket) !== undefined || !isMovable(socket)) return
    parser.onIncoming = (next, keepAlive) => {
      parser.onIncoming = onIncoming
      if (this.#shared.has(socket) || runtime.isDraining || !process.connected) return onIncoming(next, keepAlive)
      const nextOwner = peers.ownerOf(next)
      if (nextOwner === 'self' || (typeof nextOwner === 'object' && nextOwner.instance !== owner.instance)) {
        this.#shared.add(socket)
      } else if (typeof nextOwner === 'object' && !nextOwner.draining && keepAlive && isAlone(next)) {
        this.#migrating.set(next, nextOwner)
        next.upgrade = true
        // Node 26 closes the connection of an upgrade that has no listener.
        if (server.listenerCount('upgrade') === 0) server.on('upgrade', ignore)
        return TAKE_FOR_UPGRADE
      }
      return onIncoming(next, keepAlive)
    }
  }

  /**
   * Moves the connection of a request that {@link migrateWithNext} has chosen. Node reports such a request as an upgrade.
   *
   * @returns false for an upgrade that a client has asked for; nothing has happened then
   */
  migrate(request: IncomingMessage, socket: Socket, head: Buffer): boolean {
    const owner = this.#migrating.get(request)
    if (owner === undefined) return false
    const { server, listener, self } = this.#options
    server.off('upgrade', ignore)
    const moved = { isFinal: false, from: self.worker }
    if (!transferSocket(request, socket, head, owner, moved, listener)) this.#keep(request, socket, head)
    return true
  }

  /** More bytes were read than can be transferred: the connection stays here. */
  #keep(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#shared.add(socket)
    // Node has set the timeout for connections without a request.
    socket.setTimeout(0)
    socket.unshift(Buffer.concat([requestHead(request), head]))
    const server = this.#options.server as HttpServer
    Reflect.apply(speakHttp as (this: Server, socket: Socket) => void, server, [socket])
  }
}

/** Whether the request is nothing but its head, and everything before it on the connection is answered. */
function isAlone(request: Upgradable): boolean {
  const { headers, socket, upgrade } = request
  const { 'content-length': length, 'transfer-encoding': encoding, expect } = headers
  const hasNoBody = (length === undefined || length === '0') && encoding === undefined && expect === undefined
  return hasNoBody && !isCut(request) && !upgrade && !Reflect.get(socket, '_httpMessage')
}

function ignore(): void {}
