// The start of the primary: the wait for every worker, what the log says about this machine, and the end where no worker
// can be started.
import { availableParallelism } from 'node:os'
import { deferred, type Deferred } from '../async/deferred.ts'
import { StickyError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Settings } from '../options/settings.ts'
import { fallbackReason } from '../slots/hash.ts'
import type { Native } from '../transport/choose.ts'

/** Waits until every worker has been ready once. */
export class FirstReady {
  readonly #missing = new Set<number>()
  #all: Deferred<void> | undefined

  /** Resolves when workers 0 to n-1 have been ready; rejects with the error of {@link failed} if that comes before. */
  all(workers: number): Promise<void> {
    for (let id = 0; id < workers; id++) this.#missing.add(id)
    this.#all = deferred()
    return this.#all.promise
  }

  ready(worker: number): void {
    this.#missing.delete(worker)
    if (this.#missing.size === 0) this.#all?.resolve()
  }

  /** No worker will get ready any more. */
  failed(error: StickyError): void {
    this.#all?.reject(error)
  }
}

/** Logs one line for each part that runs in a lesser way on this machine, and for each setting that is unwise. */
export function logDegraded({ logger, workers, balance, session }: Settings, { transport, reason }: Native): void {
  if (transport.name === 'node-ipc') logger.info('transport.fallback', { transport: transport.name, reason })
  const noNativeHash = fallbackReason()
  if (noNativeHash !== undefined) logger.warn('hash.portable', { reason: noNativeHash })
  if (balance !== 'address' && session.length === 0) {
    const hint = 'only sessions keep clients: attachSocketIO, or the session option'
    logger.info('balance.without-address', { balance, hint })
  }
  const cores = availableParallelism()
  if (workers > cores) logger.warn('workers.many', { workers, cores, hint: 'more than one per core seldom helps' })
}

/** @param last - how the last process ended, in words; undefined where none could be started */
export function neverReady(reason: string, last: string | undefined): StickyError {
  const how = last === undefined ? '' : `; the last one ended with: ${last}`
  return new StickyError('HOLDFAST_WORKER_NOT_READY', `${reason}${how}`)
}

/** Exit code of a primary that cannot start its workers; gunicorn has the same. */
const EXIT_NEVER_READY = 3

/** Ends this process, so that a service manager can start it anew. @param kill - ends the workers that are left */
export function giveUp(logger: Logger, error: StickyError, kill: () => void): never {
  logger.error('balancer.give-up', { code: error.code, error })
  kill()
  process.exit(EXIT_NEVER_READY)
}
