// When a worker starts again after its process has ended: after a delay that grows, or much later when starts keep failing.
import type { Logger } from '../logger.ts'
import type { World } from '../world.ts'
import { RestartHistory, type RestartPolicy } from './restart-policy.ts'
import { tellingLine } from './stderr-relay.ts'
import type { WorkerExit } from './worker-exit.ts'

/**
 * Starting has stopped for a while.
 *
 * @param reason - in words
 * @param lastExit - how the last process of the worker ended; undefined where none could be started
 */
export type OnTripped = (reason: string, lastExit: WorkerExit | undefined) => void

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

  /**
   * A process of the worker has ended, or could not be started.
   *
   * @param served - milliseconds that it had served; 0 if it never was ready
   * @param crashed - whether the end was not wanted
   */
  record(worker: number, served: number, crashed: boolean): void {
    this.#history.record(worker, { at: this.#world.now(), served }, crashed)
  }

  /** Earlier ends of the worker's processes do not count any more. */
  forget(worker: number): void {
    this.#history.forget(worker)
  }

  /**
   * @param lastExit - for the log
   * @returns milliseconds until the worker is to start
   */
  nextDelay(worker: number, lastExit: WorkerExit | undefined): number {
    const { delay, stopped } = this.#history.next(worker, this.#world.now(), this.#world.random())
    if (stopped !== undefined) {
      const { code, signal, stderr } = lastExit ?? {}
      const last = tellingLine(stderr ?? [])
      this.#log.error('restart.stopped', { worker, reason: stopped, code, signal, stderr: last, retryIn: delay })
      this.#onTripped(stopped, lastExit)
    }
    return delay
  }
}
