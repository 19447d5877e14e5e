// What happens to this worker, for the parts of Holdfast that an application attaches to its own servers.
import { EventEmitter } from 'node:events'
import { consoleLogger } from '../logger.ts'
import type { Logger } from '../options.ts'
import type { WorkerRoleEvents } from '../sticky.ts'

interface LifecycleEvents extends WorkerRoleEvents {
  /** From now on {@link Lifecycle.isAlone}. */
  alone: []
}

class Lifecycle extends EventEmitter<LifecycleEvents> {
  /** The application's, once stickyListen was called. */
  logger: Logger = consoleLogger
  /** `workers: 0`: this process serves, and there are no others. */
  isAlone = false
}

/** One per process, as there is one worker per process. */
export const lifecycle = new Lifecycle().setMaxListeners(0)
