// What the parts of Holdfast in one process share, whichever of them the application calls: the logger, the events of the
// process, and the sessions that parts of the application keep.
import { EventEmitter } from 'node:events'
import { consoleLogger, type Logger } from './logger.ts'
import type { SessionRule } from './affinity/session.ts'
import type { WorkerRoleEvents } from './sticky.ts'

interface RuntimeEvents extends WorkerRoleEvents {
  /** stickyListen serves in this one process: {@link Runtime.isStandalone} is true from now on. */
  standalone: []
  /** A part of the application keeps sessions of a new kind, see {@link Runtime.addSessionRule}. */
  'session-rule': [rule: SessionRule]
}

export class Runtime extends EventEmitter<RuntimeEvents> {
  /** Gets the log lines of this process. Before stickyListen was called, they go to stderr. */
  logger: Logger = consoleLogger
  /** Whether the application runs in this one process, without workers (`workers: 0`). */
  isStandalone = false
  /** Whether this worker drains: it gets no new connections, and answers say that their connection ends. */
  isDraining = false
  /** Creates the id of a new Socket.IO session of this process. Undefined until the session layer is open. */
  createSessionId: (() => string) | undefined
  readonly #sessionRules: SessionRule[] = []
  readonly #sessionCounts: (() => number)[] = []

  constructor() {
    super()
    // Each part of the application may listen.
    this.setMaxListeners(0)
  }

  /** The rules of the sessions that parts of the application keep. */
  get sessionRules(): readonly SessionRule[] {
    return this.#sessionRules
  }

  /**
   * From now on requests go to the worker that has their session, by this rule too. A rule that is there already is not
   * added again.
   */
  addSessionRule(rule: SessionRule): void {
    if (this.#sessionRules.includes(rule)) return
    this.#sessionRules.push(rule)
    this.emit('session-rule', rule)
  }

  /** @param count - returns how many sessions a part of the application has now */
  addSessionCount(count: () => number): void {
    this.#sessionCounts.push(count)
  }

  /** The sessions of all parts of the application that count theirs. */
  get openSessions(): number {
    return this.#sessionCounts.reduce((sum, count) => sum + count(), 0)
  }

  /** Emits an event of the worker's role. */
  announce<K extends keyof WorkerRoleEvents>(event: K, ...args: WorkerRoleEvents[K]): void {
    ;(this as EventEmitter).emit(event, ...args)
  }
}

/** The one of this process, for the functions that an application calls. Everything else gets it as a parameter. */
export const processRuntime = new Runtime()
