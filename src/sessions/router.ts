// A request whose session lives elsewhere goes to its worker. Decided per request, not per connection: browsers and
// proxies put many sessions on one.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { migrate, migrateWithNext } from './migrate-connection.ts'
import { forwardUpgrade } from './peer/forward-http.ts'
import { forwardRequest } from './peer/forward-request.ts'
import type { ForwardCounters } from './peer/forwarding.ts'
import { processRuntime } from '../runtime.ts'
import { movedOf } from '../serving/attach.ts'
import { transferSocket } from './transfer-socket.ts'
import type { Peers, Owner } from './peers.ts'
import type { Emit, SetAffinityCookie } from '../serving/target.ts'

/** Serves a request whose owner is known. `again`: it is not there any more. */
type Serve = (owner: Exclude<Owner, 'away'>, again: () => void) => boolean

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
}

export interface RouterCounters extends ForwardCounters {
  /** Connections that were handed to another worker: upgrades, and those that bring requests of its sessions only. */
  moved: number
}

/** What is emitted in place of the server's own events, before any listener of the application hears of them. */
export function routeRequests(server: Server, options: RouterOptions): void {
  const { emit, peers, me, byAddress, folder, setAffinityCookie, counters } = options

  /** The worker whose address the client has, where that is not this one. */
  const fromOf = (socket: Socket): number | undefined => (byAddress ? movedOf(socket)?.from : undefined)

  const routeRequest = (event: string, request: IncomingMessage, response: ServerResponse): boolean => {
    const found = peers.ownerOf(request, fromOf(request.socket))
    // Most are, and pay for nothing else.
    if (found === 'mine') return emit(event, request, response)
    return route(request, found, (owner, again) => {
      if (typeof owner === 'object') {
        migrateWithNext(server, request, owner, peers)
        const free = fromOf(request.socket) !== undefined && peers.ownerOf(request) === 'free'
        forwardRequest(request, response, event, { peer: owner, folder, counters, absent: again, free })
        return true
      }
      if (owner === 'free') setAffinityCookie(request, response)
      return emit(event, request, response)
    })
  }

  const routeUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer): boolean => {
    if (migrate(server, request, socket, head, me.worker, counters)) return true
    if (movedOf(socket)?.settled === true) return emit('upgrade', request, socket, head)
    return route(request, peers.ownerOf(request, fromOf(socket)), (owner, again) => {
      if (typeof owner !== 'object') return emit('upgrade', request, socket, head)
      const moved = { settled: true, from: fromOf(socket) ?? me.worker }
      const canMove = !owner.draining && !processRuntime.isDraining
      if (canMove && transferSocket(request, socket, head, owner, moved)) counters.moved++
      else forwardUpgrade(server, request, socket, head, { peer: owner, folder, counters, absent: again })
      return true
    })
  }

  /** Waits where whose it is is away, and asks once more where it turns out that it has gone. */
  const route = (request: IncomingMessage, owner: Owner, serve: Serve): boolean => {
    const { socket } = request
    const from = fromOf(socket)
    if (owner !== 'away') {
      return serve(owner, () => {
        if (typeof owner === 'object') peers.lost(owner)
        route(request, peers.ownerOf(request, from), serve)
      })
    }
    // Nobody else listens to the socket of an upgrade yet.
    socket.on('error', ignore)
    peers.wait(request, from, (late) => {
      socket.off('error', ignore)
      // Who has hung up meanwhile needs nothing.
      if (!socket.destroyed) route(request, late, serve)
    })
    return true
  }

  server.emit = ((event: string, ...args: unknown[]): boolean => {
    if (isRequest(event)) return routeRequest(event, args[0] as IncomingMessage, args[1] as ServerResponse)
    if (event === 'upgrade') return routeUpgrade(...(args as [IncomingMessage, Socket, Buffer]))
    return emit(event, ...args)
  }) as Server['emit']
}

function isRequest(event: string): boolean {
  return event === 'request' || event === 'checkContinue' || event === 'checkExpectation'
}

function ignore(): void {}
