// What happens to this worker, for the parts of Holdfast that an application attaches to its own servers.
import { EventEmitter } from 'node:events'
import { consoleLogger, type Logger } from './logger.ts'
import type { SessionRule } from './affinity/session.ts'
import type { WorkerRoleEvents } from './sticky.ts'

interface RuntimeEvents extends WorkerRoleEvents {
  /** From now on {@link Runtime.isStandalone}. */
  standalone: []
  /** A part of the application keeps sessions of that kind. */
  session: [rule: SessionRule]
}

export class Runtime extends EventEmitter<RuntimeEvents> {
  /** The application's, once stickyListen was called. */
  logger: Logger = consoleLogger
  /** `workers: 0`: this process serves, and there are no others. */
  isStandalone = false
  /** This worker finishes: connections are not kept. */
  isDraining = false
  /** Makes a session id that leads back to this process, once there is a session layer. */
  sid: (() => string) | undefined
  /** Kinds of sessions that parts of the application keep. */
  readonly rules: SessionRule[] = []
  /** How many sessions each of those parts has now. */
  readonly counts: (() => number)[] = []

  /** From now on requests of such a session go to its worker. */
  keep(rule: SessionRule): void {
    if (this.rules.includes(rule)) return
    this.rules.push(rule)
    this.emit('session', rule)
  }
}

/** One per process, as there is one worker per process. */
export const processRuntime = new Runtime().setMaxListeners(0)
