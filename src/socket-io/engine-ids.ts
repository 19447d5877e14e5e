// The id of an Engine.IO session names the process that has the session, so that its requests are routed there.
import type { IncomingMessage } from 'node:http'
import type { Runtime } from '../runtime.ts'

/** The part of Engine.IO's server that makes session ids. */
export interface EngineServer {
  generateId(request: IncomingMessage): string | PromiseLike<string>
}

/**
 * Replaces the engine's ids by ids that name this process, once the session layer is open. Sessions of before keep the
 * engine's own ids.
 */
export function nameProcessInIds(engine: EngineServer, runtime: Pick<Runtime, 'createSessionId'>): void {
  const generateId = engine.generateId.bind(engine)
  engine.generateId = (request) => runtime.createSessionId?.() ?? generateId(request)
}
