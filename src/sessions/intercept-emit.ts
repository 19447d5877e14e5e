// Requests are routed before any listener of the application hears of them, so Holdfast replaces the server's `emit`. An
// application, or a tool that traces it, may replace `emit` too, at any time. If its function calls the one before it, as
// such functions do, requests are routed as before. If it does not, the log says so.
import type { Server } from 'node:net'
import type { Logger } from '../logger.ts'
import type { Emit } from '../serving/target.ts'

/** Decides about a request or an upgrade. @returns what `emit` returns */
export type Route = (event: string, args: readonly unknown[]) => boolean

export interface InterceptedEmit {
  /** Gives the application a request or an upgrade that {@link start}'s function was called with. */
  serve: Emit
  /** Gives the application a request or an upgrade that came in at another worker. It is not routed. */
  deliver: Emit
  /** From now on `route` gets the requests and upgrades, and the application all other events. */
  start: (route: Route) => void
}

export function interceptEmit(server: Server, logger: Pick<Logger, 'warn'>): InterceptedEmit {
  const own = Object.hasOwn(server, 'emit') ? server.emit.bind(server) : undefined
  // A tool may replace the method of the class later as well.
  const original = ((...args) => (own === undefined ? emitOfClass(server, args) : own(...args))) as Emit
  /** The function in `server.emit` that was seen last. */
  let seen: unknown
  /** Requests that reach the application rightly; known from when `server.emit` was replaced. */
  let known: WeakSet<object> | undefined
  const delivered = new WeakSet<object>()
  let isLogged = false

  const noteReplacement = (): void => {
    const emit: unknown = Reflect.get(server, 'emit')
    if (emit === seen) return
    seen = emit
    if (known !== undefined) return
    known = new WeakSet()
    // Without a listener for requests Node's HTTP/2 makes no requests of its streams, so none is added where there is none.
    if (server.listenerCount('request') > 0) server.prependListener('request', check)
  }
  const check = (request: object): void => {
    if (isLogged || known?.has(request)) return
    isLogged = true
    const hint = 'the application has replaced server.emit; call the function that was there before'
    logger.warn('session.bypassed', { hint })
  }

  return {
    serve(event, ...args) {
      known?.add(args[0] as object)
      return original(event, ...args)
    },
    deliver(event, ...args) {
      noteReplacement()
      known?.add(args[0] as object)
      if (known === undefined) return original(event, ...args)
      delivered.add(args[0] as object)
      return server.emit(event, ...args)
    },
    start(route) {
      const emit: Emit = (event, ...args) => {
        if (!isRouted(event)) return original(event, ...args)
        const isDelivered = known !== undefined && delivered.has(args[0] as object)
        return isDelivered ? original(event, ...args) : route(event, args)
      }
      server.emit = emit
      seen = emit
      server.prependListener('connection', noteReplacement)
    },
  }
}

function emitOfClass(server: Server, args: readonly unknown[]): boolean {
  const { emit } = Object.getPrototypeOf(server) as { emit: Emit }
  return Reflect.apply(emit, server, args)
}

function isRouted(event: string): boolean {
  return event === 'request' || event === 'upgrade' || event === 'checkContinue' || event === 'checkExpectation'
}
