// Reloads and changes of the number of workers: one after the other, because each of them moves workers.
import { StickyError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { World } from '../world.ts'

export interface OperationWork {
  reload(): Promise<void>
  scale(workers: number): Promise<void>
}

interface Operation {
  run(): Promise<void>
  started(): void
  /** @param after - milliseconds */
  done(after: number): void
  /** The balancer closes meanwhile. */
  interrupted(): void
  failed(error: unknown): void
}

export class Operations {
  readonly #log: Logger
  readonly #world: Pick<World, 'now'>
  readonly #work: OperationWork
  #last: Promise<unknown> = Promise.resolve()
  /** A reload that has not begun: another call meanwhile joins it. */
  #waitingReload: Promise<void> | undefined
  #closed = false
  #wantedWorkers: number | undefined

  constructor(log: Logger, world: Pick<World, 'now'>, work: OperationWork) {
    this.#log = log
    this.#world = world
    this.#work = work
  }

  /** Resolves when every worker was replaced. A call while a reload waits for its turn joins that reload. */
  reload(): Promise<void> {
    const log = this.#log
    this.#waitingReload ??= this.#inTurn({
      started: () => log.info('reload.start', {}),
      done: (after) => log.info('reload.done', { after }),
      interrupted: () => log.info('reload.interrupted', {}),
      failed: (error) => log.error('reload.failed', { error }),
      run: () => {
        this.#waitingReload = undefined
        return this.#work.reload()
      },
    })
    return this.#waitingReload
  }

  /** The number of workers that was asked for last, while the change is under way; else undefined. */
  get wantedWorkers(): number | undefined {
    return this.#wantedWorkers
  }

  scale(workers: number): Promise<void> {
    const log = this.#log
    this.#wantedWorkers = workers
    const isOver = (): void => {
      if (this.#wantedWorkers === workers) this.#wantedWorkers = undefined
    }
    const scaled = this.#inTurn({
      started: () => log.info('scale.start', { workers }),
      done: (after) => log.info('scale.done', { workers, after }),
      interrupted: () => log.info('scale.interrupted', { workers }),
      failed: (error) => log.error('scale.failed', { workers, error }),
      run: () => this.#work.scale(workers),
    })
    scaled.then(isOver, isOver)
    return scaled
  }

  /** No operation begins any more. */
  close(): void {
    this.#closed = true
  }

  #inTurn(operation: Operation): Promise<void> {
    const done = this.#after(this.#last, operation)
    this.#last = done.catch(() => {}) // the caller gets the error
    return done
  }

  async #after(before: Promise<unknown>, operation: Operation): Promise<void> {
    await before
    if (this.#closed) throw new StickyError('HOLDFAST_CLOSED')
    const since = this.#world.now()
    operation.started()
    try {
      await operation.run()
    } catch (error) {
      if (this.#closed) operation.interrupted()
      else operation.failed(error)
      throw error
    }
    operation.done(Math.round(this.#world.now() - since))
  }
}
