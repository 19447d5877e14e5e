// Workers that can not be started: what is told, and the end of a primary that is left without any.
import { StickyError } from '../errors.ts'
import type { Logger } from '../options/options.ts'
import { howItEnded, type WorkerExit } from './worker-exit.ts'

/** Exit code of a primary whose workers can not be started; gunicorn has the same. */
const EXIT_NEVER_READY = 3

/** @param last - how the last process ended, where any could be started */
export function neverReady(reason: string, last: WorkerExit | undefined): StickyError {
  const how = last === undefined ? '' : `; the last one ended with: ${howItEnded(last)}`
  return new StickyError('HOLDFAST_WORKER_NOT_READY', `${reason}${how}`)
}

/** Ends this process: whoever started it may do better. @param kill - ends the workers that are left */
export function giveUp(logger: Logger, error: StickyError, kill: () => void): never {
  logger.error('balancer.give-up', { code: error.code, error })
  kill()
  process.exit(EXIT_NEVER_READY)
}
