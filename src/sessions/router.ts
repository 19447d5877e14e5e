// A request whose session another worker has goes to that worker. The decision is made per request, not per connection,
// because browsers and proxies put many sessions on one connection.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Runtime } from '../runtime.ts'
import { movedOf } from '../serving/attach.ts'
import type { Emit, SetAffinityCookie } from '../serving/target.ts'
import type { World } from '../world.ts'
import { ConnectionMigrator } from './migrate-connection.ts'
import { Forwarder, type ForwardCounters } from './peer/forwarding.ts'
import type { Owner, Peers } from './peers.ts'
import { transferSocket } from './transfer-socket.ts'

export interface RouterOptions {
  peers: Peers
  /** This process as a worker; a standby becomes another one. */
  me: { readonly worker: number }
  /** Whether the client's address decides where a request of no session goes. */
  byAddress: boolean
  /** Of the peer sockets. */
  folder: string
  /** The application server's own. */
  emit: Emit
  setAffinityCookie: SetAffinityCookie
  counters: RouterCounters
  runtime: Pick<Runtime, 'isDraining' | 'logger'>
  world: World
}

export interface RouterCounters extends ForwardCounters {
  /** Connections that were handed to another worker: upgrades, and those that bring requests of its sessions only. */
  moved: number
}

/** Replaces the server's `emit`, so that requests are routed before any listener of the application hears of them. */
export function routeRequests(server: Server, options: RouterOptions): void {
  const { emit, peers, me, byAddress, folder, setAffinityCookie, counters, runtime, world } = options
  const forwarder = new Forwarder({ server, folder, counters, runtime, world })
  const migrator = new ConnectionMigrator({ server, peers, me, counters, runtime })

  /** The worker that the client's address leads to, where that is not this one. */
  const addressWorker = (socket: Socket): number | undefined => (byAddress ? movedOf(socket)?.from : undefined)
  const ownerOf = (request: IncomingMessage): Owner => peers.ownerOf(request, addressWorker(request.socket))

  const routeRequest = (event: string, request: IncomingMessage, response: ServerResponse, owner: Owner): boolean => {
    if (owner === 'mine') return emit(event, request, response)
    if (owner === 'away') return wait(request, (late) => routeRequest(event, request, response, late))
    if (owner === 'free') {
      setAffinityCookie(request, response)
      return emit(event, request, response)
    }
    migrator.migrateWithNext(request, owner)
    const hasNoSession = addressWorker(request.socket) !== undefined && peers.ownerOf(request) === 'free'
    forwarder.request(request, response, event, owner, hasNoSession, () => {
      peers.lost(owner)
      routeRequest(event, request, response, ownerOf(request))
    })
    return true
  }

  const routeUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer, owner: Owner): boolean => {
    if (owner === 'away') return wait(request, (late) => routeUpgrade(request, socket, head, late))
    if (typeof owner === 'string') return emit('upgrade', request, socket, head)
    const moved = { settled: true, from: addressWorker(socket) ?? me.worker }
    const canMove = !owner.draining && !runtime.isDraining
    if (canMove && transferSocket(request, socket, head, owner, moved)) {
      counters.moved++
      return true
    }
    forwarder.upgrade(request, socket, head, owner, () => {
      peers.lost(owner)
      routeUpgrade(request, socket, head, ownerOf(request))
    })
    return true
  }

  /** Routes a request when its worker is back or has another owner, or when it has waited for too long. */
  const wait = (request: IncomingMessage, route: (owner: Exclude<Owner, 'away'>) => void): true => {
    const { socket } = request
    // The socket of an upgrade has no other listener for errors yet.
    socket.on('error', ignore)
    peers.wait(request, addressWorker(socket), (owner) => {
      socket.off('error', ignore)
      // A client that has left meanwhile needs no answer.
      if (!socket.destroyed) route(owner)
    })
    return true
  }

  server.emit = ((event: string, ...args: unknown[]): boolean => {
    if (isRequest(event)) {
      // By index, because this runs for every request.
      const request = args[0] as IncomingMessage
      return routeRequest(event, request, args[1] as ServerResponse, ownerOf(request))
    }
    if (event !== 'upgrade') return emit(event, ...args)
    const [request, socket, head] = args as [IncomingMessage, Socket, Buffer]
    if (migrator.migrate(request, socket, head)) return true
    // The worker that transferred this socket has routed its first request already.
    if (movedOf(socket)?.settled === true) return emit('upgrade', request, socket, head)
    return routeUpgrade(request, socket, head, ownerOf(request))
  }) as Server['emit']
}

function isRequest(event: string): boolean {
  return event === 'request' || event === 'checkContinue' || event === 'checkExpectation'
}

function ignore(): void {}
