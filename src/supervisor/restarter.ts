// When a worker starts again after its process has ended: after a delay that grows, or much later when starts keep failing.
import type { Logger } from '../logger.ts'
import type { World } from '../world.ts'
import { RestartHistory, type RestartPolicy } from './restart-policy.ts'
import type { Exit } from './backoff.ts'

/**
 * Starting has stopped for a while.
 *
 * @param reason - in words
 * @param last - how the last process of the worker ended, in words; undefined where none could be started
 */
export type OnTripped = (reason: string, last: string | undefined) => void

/** The end of a process, or a start that failed. */
export interface End extends Omit<Exit, 'at'> {
  /** Whether the end was not wanted. */
  crashed: boolean
}

export class Restarter {
  readonly #history: RestartHistory
  readonly #log: Logger
  readonly #world: World
  readonly #onTripped: OnTripped

  constructor(policy: RestartPolicy, log: Logger, world: World, onTripped: OnTripped) {
    this.#history = new RestartHistory(policy)
    this.#log = log
    this.#world = world
    this.#onTripped = onTripped
  }

  /** A process of the worker has ended, or could not be started. */
  record(worker: number, { crashed, ...exit }: End): void {
    this.#history.record(worker, { at: this.#world.now(), ...exit }, crashed)
  }

  /** Earlier ends of the worker's processes do not count any more. */
  forget(worker: number): void {
    this.#history.forget(worker)
  }

  /**
   * @param last - how the last process ended, in words, for the log
   * @returns milliseconds until the worker is to start
   */
  nextDelay(worker: number, last: string | undefined): number {
    const { delay, stopped } = this.#history.next(worker, this.#world.now(), this.#world.random())
    if (stopped !== undefined) {
      // First, because the primary may end here: then no next attempt is to be announced.
      this.#onTripped(stopped, last)
      this.#log.error('restart.stopped', { worker, reason: stopped, last, retryIn: delay })
    }
    return delay
  }
}
