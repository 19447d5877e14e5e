// Changes that somebody asks for while everything runs: one after the other, since each moves workers about.
import type { Logger } from '../options/options.ts'
import { StickyError } from '../errors.ts'

export interface ChangeWork {
  reload(): Promise<void>
  scale(workers: number): Promise<void>
}

interface Change {
  run(): Promise<void>
  started(): void
  /** @param after - milliseconds */
  done(after: number): void
  /** Everything closes. */
  interrupted(): void
  failed(error: unknown): void
}

export class Changes {
  readonly #log: Logger
  readonly #work: ChangeWork
  #last: Promise<unknown> = Promise.resolve()
  /** Asked for and not begun: who asks meanwhile gets the same one. */
  #waitingReload: Promise<void> | undefined
  #closed = false
  #wanted: number | undefined

  constructor(log: Logger, work: ChangeWork) {
    this.#log = log
    this.#work = work
  }

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

  /** Workers that were asked for last and are still to come or to go; undefined where nothing is under way. */
  get wanted(): number | undefined {
    return this.#wanted
  }

  scale(workers: number): Promise<void> {
    const log = this.#log
    this.#wanted = workers
    const isOver = (): void => {
      if (this.#wanted === workers) this.#wanted = undefined
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

  /** Nothing begins any more. */
  close(): void {
    this.#closed = true
  }

  #inTurn(change: Change): Promise<void> {
    const done = this.#after(this.#last, change)
    this.#last = done.catch(() => {}) // whoever asked hears of it
    return done
  }

  async #after(before: Promise<unknown>, change: Change): Promise<void> {
    await before
    if (this.#closed) throw new StickyError('HOLDFAST_CLOSED')
    const since = performance.now()
    change.started()
    try {
      await change.run()
    } catch (error) {
      if (this.#closed) change.interrupted()
      else change.failed(error)
      throw error
    }
    change.done(Math.round(performance.now() - since))
  }
}
