// Waiting until a count is 0, such as that of connections that still need a worker, but no longer than some time.
import { realWorld, type World } from '../world.ts'

type Timers = Pick<World, 'setTimeout' | 'clearTimeout'>

/** The owner of the count calls {@link check} when the count may have become 0. */
export class UntilEmpty {
  readonly #count: () => number
  readonly #timers: Timers
  readonly #waiting = new Set<(inTime: boolean) => void>()

  constructor(count: () => number, timers: Timers = realWorld) {
    this.#count = count
    this.#timers = timers
  }

  /**
   * Resolves when the count is 0, at the latest after so many milliseconds. The timer keeps the process alive
   * meanwhile.
   *
   * @returns whether the count was 0 in time
   */
  wait(milliseconds: number): Promise<boolean> {
    if (this.#count() === 0) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = (inTime: boolean): void => {
        this.#timers.clearTimeout(timer)
        this.#waiting.delete(end)
        resolve(inTime)
      }
      const timer = this.#timers.setTimeout(() => end(false), milliseconds)
      this.#waiting.add(end)
    })
  }

  check(): void {
    if (this.#waiting.size > 0 && this.#count() === 0) for (const end of this.#waiting) end(true)
  }
}
