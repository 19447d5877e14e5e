// A request whose session lives elsewhere goes to its worker. Decided per request, not per connection: browsers and
// proxies put many sessions on one.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { forwardRequest } from './forward.ts'
import { forwardUpgrade } from './forward-http.ts'
import type { ForwardCounters, Forwarding } from './forwarding.ts'
import { hasMoved, move } from './move.ts'
import type { Peers } from './peers.ts'

export interface RerouteOptions extends Forwarding {
  peers: Peers
  /** Marks the answer to a request of no session, so that the next one comes here. */
  mark: (request: IncomingMessage, response: ServerResponse) => void
  counters: RerouteCounters
}

export interface RerouteCounters extends ForwardCounters {
  /** Upgrades that were handed to another worker. */
  moved: number
}

/** What is emitted in place of the server's own events, before any listener of the application hears of them. */
export function reroute(server: Server, options: RerouteOptions): void {
  const { emit, peers, mark } = options
  server.emit = ((event: string, ...args: unknown[]): boolean => {
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation': {
        const request = args[0] as IncomingMessage
        const response = args[1] as ServerResponse
        const whose = peers.whose(request)
        if (typeof whose === 'object') {
          forwardRequest(request, response, event, whose, options)
          return true
        }
        if (whose === 'free') mark(request, response)
        break
      }
      case 'upgrade': {
        const [request, socket, head] = args as [IncomingMessage, Socket, Buffer]
        const whose = hasMoved(socket) ? 'mine' : peers.whose(request)
        if (typeof whose === 'object') {
          if (whose.draining || !move(request, socket, head, whose, options.counters)) {
            forwardUpgrade(request, socket, head, whose, options)
          }
          return true
        }
        break
      }
    }
    return emit(event, ...args)
  }) as Server['emit']
}
