// A world with a clock that stands still until a test moves it, so that timeouts are tested without waiting.
import type { World } from '../../src/world.ts'

interface Timer {
  dueAt: number
  /** Milliseconds between two calls; undefined: called once. */
  period: number | undefined
  callback: () => void
}

export class SimulatedWorld implements World {
  #now = 0
  #timers: Timer[] = []
  #immediates: { callback: () => void }[] = []

  /** Milliseconds since the world was made. */
  now(): number {
    return this.#now
  }

  /** Always the middle: a test that needs more overrides it. */
  random(): number {
    return 0.5
  }

  setTimeout(callback: () => void, milliseconds: number): NodeJS.Timeout {
    return this.#add({ dueAt: this.#now + milliseconds, period: undefined, callback })
  }

  setInterval(callback: () => void, milliseconds: number): NodeJS.Timeout {
    return this.#add({ dueAt: this.#now + milliseconds, period: milliseconds, callback })
  }

  clearTimeout(timer: NodeJS.Timeout | undefined): void {
    this.#timers = this.#timers.filter((one) => one !== (timer as unknown))
  }

  clearInterval(timer: NodeJS.Timeout | undefined): void {
    this.clearTimeout(timer)
  }

  setImmediate(callback: () => void): NodeJS.Immediate {
    const immediate = { callback }
    this.#immediates.push(immediate)
    return immediate as unknown as NodeJS.Immediate
  }

  clearImmediate(immediate: NodeJS.Immediate | undefined): void {
    this.#immediates = this.#immediates.filter((one) => one !== (immediate as unknown))
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.length
  }

  /** Calls what waits for the end of the turn. */
  endTurn(): void {
    for (const { callback } of this.#immediates.splice(0)) callback()
  }

  /** Moves the clock, and calls each timer at its time. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    this.endTurn()
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#now = timer.dueAt
      if (timer.period === undefined) this.#timers = this.#timers.filter((one) => one !== timer)
      else timer.dueAt += timer.period
      timer.callback()
      this.endTurn()
    }
    this.#now = end
  }

  #add(timer: Timer): NodeJS.Timeout {
    const added = Object.assign(timer, { unref: () => added, ref: () => added })
    this.#timers.push(added)
    return added as unknown as NodeJS.Timeout
  }

  /** The timer that is due first; those of the same time in the order in which they were set. */
  #next(end: number): Timer | undefined {
    return this.#timers.filter(({ dueAt }) => dueAt <= end).sort((a, b) => a.dueAt - b.dueAt)[0]
  }
}
