// Remembers how the workers' processes ended, and says when each may start again.
import { restartDelay, type BackoffPolicy, type Exit } from './backoff.ts'
import { tripped, type BreakerPolicy } from './breaker.ts'

/** Exits to remember: as many as the back-off can tell apart, and as a minute can bring. */
const HISTORY = 32
const HISTORY_OF_ALL = 1_000

export interface RestartPolicy extends BackoffPolicy, BreakerPolicy {
  /** Milliseconds until it is tried again when starting has stopped. */
  retryDelay: number
}

export class Restarts {
  readonly #policy: RestartPolicy
  readonly #byWorker = new Map<number, Exit[]>()
  /** Crashes of all workers. */
  #crashes: Exit[] = []

  constructor(policy: RestartPolicy) {
    this.#policy = policy
  }

  /**
   * A process of this worker has ended.
   *
   * @param exit - `served` is 0 if it never was ready
   */
  remember(worker: number, exit: Exit, crash: boolean): void {
    this.#byWorker.set(worker, [...(this.#byWorker.get(worker) ?? []), exit].slice(-HISTORY))
    if (crash) this.#crashes = [...this.#crashes, exit].slice(-HISTORY_OF_ALL)
  }

  forget(worker: number): void {
    this.#byWorker.delete(worker)
  }

  /**
   * When the worker may start: milliseconds from now, and the reason if starting has stopped for a while.
   *
   * @param luck - 0 to 1
   */
  next(worker: number, now: number, luck: number): { delay: number; stopped: string | undefined } {
    const own = this.#byWorker.get(worker) ?? []
    const stopped = tripped(own, this.#crashes, now, this.#policy)
    return { stopped, delay: stopped === undefined ? restartDelay(own, this.#policy, luck) : this.#policy.retryDelay }
  }
}
