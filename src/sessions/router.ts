// Each request goes to the process that has its session. The decision is made per request, not per connection, because
// browsers and proxies put many sessions on one connection.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Runtime } from '../runtime.ts'
import { movedOf } from '../serving/attach.ts'
import type { Emit } from '../serving/target.ts'
import type { World } from '../world.ts'
import type { AffinityCookie } from './affinity-cookie.ts'
import type { Route } from './intercept-emit.ts'
import { ConnectionMigrator } from './migrate-connection.ts'
import { Forwarder } from './peer/forwarding.ts'
import type { Owner, Peers } from './peers.ts'
import { transferSocket } from './transfer-socket.ts'

export interface RouterOptions {
  /** The application's server. */
  server: Server
  /** Number of its listener, the first one where it has several. */
  listener: number
  /** Gives the application the requests of this process. */
  serve: Emit
  peers: Peers
  /** This process; its worker id changes when a standby becomes a worker. */
  self: { readonly worker: number }
  /** Whether requests without a session go to the worker of the client's address. */
  byAddress: boolean
  /** The folder of the peer sockets. */
  folder: string
  cookie: AffinityCookie
  runtime: Pick<Runtime, 'isDraining' | 'logger'>
  world: World
}

/** @returns gives each request and upgrade to the process that has its session */
export function router(options: RouterOptions): Route {
  const { listener, serve, peers, self, byAddress, cookie, runtime } = options
  const forwarder = new Forwarder(options)
  const migrator = new ConnectionMigrator(options)

  /** The worker of the client's address, if another worker transferred the connection here; else undefined. */
  const addressWorkerOf = (socket: Socket): number | undefined => (byAddress ? movedOf(socket)?.from : undefined)
  const ownerOf = (request: IncomingMessage): Owner => peers.ownerOf(request, addressWorkerOf(request.socket))

  const routeRequest = (event: string, request: IncomingMessage, response: ServerResponse, owner: Owner): boolean => {
    if (owner === 'self') return serve(event, request, response)
    if (owner === 'unavailable') return hold(request, (found) => routeRequest(event, request, response, found))
    if (owner === 'none') {
      cookie.addToResponse(request, response)
      return serve(event, request, response)
    }
    migrator.migrateWithNext(request, owner)
    const maySetCookie = addressWorkerOf(request.socket) !== undefined && peers.ownerOf(request) === 'none'
    forwarder.request(request, response, event, owner, maySetCookie, () => {
      peers.remove(owner)
      routeRequest(event, request, response, ownerOf(request))
    })
    return true
  }

  const routeUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer, owner: Owner): boolean => {
    if (owner === 'unavailable') return hold(request, (found) => routeUpgrade(request, socket, head, found))
    if (owner === 'none') cookie.addToHandshake(request, socket)
    if (owner === 'self' || owner === 'none') return serve('upgrade', request, socket, head)
    const canMove = !owner.draining && !runtime.isDraining
    const moved = { isFinal: true, from: addressWorkerOf(socket) ?? self.worker }
    if (canMove && transferSocket(request, socket, head, owner, moved, listener)) return true
    forwarder.upgrade(request, socket, head, owner, () => {
      peers.remove(owner)
      routeUpgrade(request, socket, head, ownerOf(request))
    })
    return true
  }

  /** Keeps a request until its owner is known. */
  const hold = (request: IncomingMessage, route: (owner: Exclude<Owner, 'unavailable'>) => void): true => {
    const { socket } = request
    // The socket of an upgrade has no other listener for errors yet.
    socket.on('error', ignore)
    peers.waitForOwner(request, addressWorkerOf(socket), (owner) => {
      socket.off('error', ignore)
      // A client that has left meanwhile needs no answer.
      if (!socket.destroyed) route(owner)
    })
    return true
  }

  return (event, args) => {
    if (event !== 'upgrade') {
      // Indexes, not destructuring: this runs for every request.
      const request = args[0] as IncomingMessage
      return routeRequest(event, request, args[1] as ServerResponse, ownerOf(request))
    }
    const [request, socket, head] = args as [IncomingMessage, Socket, Buffer]
    if (migrator.migrate(request, socket, head)) return true
    // The worker that transferred this socket has routed its first request already.
    if (movedOf(socket)?.isFinal === true) {
      // Without a session it came here by the client's address.
      if (peers.ownerOf(request) === 'none') cookie.addToHandshake(request, socket)
      return serve(event, request, socket, head)
    }
    return routeUpgrade(request, socket, head, ownerOf(request))
  }
}

function ignore(): void {}
