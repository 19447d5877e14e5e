// The id of an Engine.IO session names the process that has the session, so that its requests are routed there.
import type { IncomingMessage } from 'node:http'
import type { Runtime } from '../runtime.ts'

type GenerateId = (request: IncomingMessage) => string | PromiseLike<string>

/** The part of Engine.IO's server that makes session ids. */
export interface EngineServer {
  generateId: GenerateId
}

const named = new WeakSet<EngineServer>()

/**
 * Replaces the engine's ids by ids that name this process, once the session layer is open. Sessions of before keep the
 * engine's own ids.
 *
 * Engine.IO documents `generateId` as a method to replace. An application that does so would lose all polling clients:
 * so its own function is kept for the time before, and the log tells of it.
 */
export function nameProcessInIds(engine: EngineServer, runtime: Pick<Runtime, 'createSessionId' | 'logger'>): void {
  if (named.has(engine)) return
  named.add(engine)
  let isLogged = false
  const logOnce = (): void => {
    if (isLogged) return
    isLogged = true
    const hint =
      'the session id names the worker of the client; keep ids of your own beside it, in socket.data for example'
    // In the next turn, because stickyListen may set the application's logger in this one.
    setImmediate(() => runtime.logger.warn('session.own-ids', { hint }))
  }
  const withName =
    (generateId: unknown): GenerateId =>
    (request) =>
      runtime.createSessionId?.() ?? Reflect.apply(generateId as GenerateId, engine, [request])
  if (Object.hasOwn(engine, 'generateId')) logOnce()
  let current = withName(Reflect.get(engine, 'generateId'))
  Object.defineProperty(engine, 'generateId', {
    configurable: true,
    enumerable: true,
    get: () => current,
    set(generateId: unknown) {
      logOnce()
      current = withName(generateId)
    },
  })
}
