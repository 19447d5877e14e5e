// What happens to this worker, for the parts of Holdfast that an application attaches to its own servers.
import { EventEmitter } from 'node:events'
import { consoleLogger } from '../logger.ts'
import type { Logger } from '../options.ts'
import type { WorkerRoleEvents } from '../sticky.ts'

class Lifecycle extends EventEmitter<WorkerRoleEvents> {
  /** The application's, once stickyListen was called. */
  logger: Logger = consoleLogger
}

/** One per process, as there is one worker per process. */
export const lifecycle = new Lifecycle().setMaxListeners(0)
