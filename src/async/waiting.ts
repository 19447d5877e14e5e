// Waiting that ends: for some time, for work until a deadline, and for a count until it is 0.
import { realWorld, type World } from '../world.ts'

/** Resolves when the time has passed. */
export function sleep(milliseconds: number, world: Pick<World, 'setTimeout'> = realWorld): Promise<void> {
  return new Promise((done) => void world.setTimeout(done, milliseconds))
}

/** A moment up to which several pieces of work may take. Its timer keeps no process alive. */
export class Deadline {
  readonly #passed: Promise<false>

  /** @param milliseconds - from now on */
  constructor(milliseconds: number, world: Pick<World, 'setTimeout'> = realWorld) {
    this.#passed = new Promise((late) => void world.setTimeout(() => late(false), milliseconds).unref())
  }

  /**
   * Waits for the work, and no longer than up to the deadline.
   *
   * @returns whether the work was done in time
   * @throws what the work rejects with in time
   */
  wait(work: Promise<unknown>): Promise<boolean> {
    return Promise.race([work.then(() => true), this.#passed])
  }
}

/** Waits until a count is 0. The owner of the count calls {@link check} whenever it may have become 0. */
export class UntilEmpty {
  readonly #count: () => number
  readonly #world: Pick<World, 'setTimeout' | 'clearTimeout'>
  readonly #waiting = new Set<(inTime: boolean) => void>()

  constructor(count: () => number, world: Pick<World, 'setTimeout' | 'clearTimeout'> = realWorld) {
    this.#count = count
    this.#world = world
  }

  /**
   * Resolves when the count is 0, at the latest when the time has passed. The timer keeps the process alive until then.
   *
   * @returns whether the count was 0 in time
   */
  wait(milliseconds: number): Promise<boolean> {
    if (this.#count() === 0) return Promise.resolve(true)
    return new Promise((done) => {
      const end = (inTime: boolean): void => {
        this.#world.clearTimeout(timer)
        this.#waiting.delete(end)
        done(inTime)
      }
      const timer = this.#world.setTimeout(() => end(false), milliseconds)
      this.#waiting.add(end)
    })
  }

  check(): void {
    if (this.#waiting.size > 0 && this.#count() === 0) for (const end of this.#waiting) end(true)
  }
}
