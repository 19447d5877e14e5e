// Remembers how the processes of the workers ended, and says when each worker may start again. Time and chance come in.
import { restartDelay, type BackoffPolicy, type Exit } from './backoff.ts'
import { tripped, type BreakerPolicy } from './breaker.ts'

/** Exits to remember: as many as the back-off can tell apart, and as a minute can bring. */
const HISTORY = 32
const HISTORY_OF_ALL = 1_000

export interface RestartPolicy extends BackoffPolicy, BreakerPolicy {
  /** Milliseconds until the next attempt when starting has stopped. */
  retryDelay: number
}

export class RestartHistory {
  readonly #policy: RestartPolicy
  readonly #byWorker = new Map<number, Exit[]>()
  /** Crashes of all workers. */
  #crashes: Exit[] = []

  constructor(policy: RestartPolicy) {
    this.#policy = policy
  }

  /**
   * Records the end of a process of this worker.
   *
   * @param exit - `served` is 0 if the process never was ready
   */
  record(worker: number, exit: Exit, crashed: boolean): void {
    this.#byWorker.set(worker, [...(this.#byWorker.get(worker) ?? []), exit].slice(-HISTORY))
    if (crashed) this.#crashes = [...this.#crashes, exit].slice(-HISTORY_OF_ALL)
  }

  forget(worker: number): void {
    this.#byWorker.delete(worker)
  }

  /**
   * When the worker may start: milliseconds from now, and the reason if starting has stopped for a while.
   *
   * @param luck - 0 to 1, for the jitter of the delay
   */
  next(worker: number, now: number, luck: number): { delay: number; stopped: string | undefined } {
    const own = this.#byWorker.get(worker) ?? []
    const stopped = tripped(own, this.#crashes, now, this.#policy)
    return { stopped, delay: stopped === undefined ? restartDelay(own, this.#policy, luck) : this.#policy.retryDelay }
  }
}
