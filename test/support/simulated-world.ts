// A world whose clock stands still until a test moves it, so that tests of timeouts do not wait.
import type { World } from '../../src/world.ts'

interface Entry {
  at: number
  order: number
  every: number | undefined
  callback: () => void
}

export class SimulatedWorld implements World {
  #now = 0
  #order = 0
  readonly #entries = new Map<object, Entry>()
  readonly #random: () => number

  constructor(random: () => number = () => 0) {
    this.#random = random
  }

  readonly now = (): number => this.#now
  readonly random = (): number => this.#random()
  readonly randomBytes = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => this.#order++ % 256))
  readonly setTimeout = (callback: () => void, milliseconds: number): NodeJS.Timeout =>
    this.#add(callback, milliseconds) as NodeJS.Timeout
  readonly setInterval = (callback: () => void, milliseconds: number): NodeJS.Timeout =>
    this.#add(callback, milliseconds, milliseconds) as NodeJS.Timeout
  readonly setImmediate = (callback: () => void): NodeJS.Immediate => this.#add(callback, 0) as NodeJS.Immediate
  readonly clearTimeout = (timer: object | undefined): void => this.#remove(timer)
  readonly clearInterval = (timer: object | undefined): void => this.#remove(timer)
  readonly clearImmediate = (timer: object | undefined): void => this.#remove(timer)

  /** Number of timers that have not run. */
  get pending(): number {
    return this.#entries.size
  }

  /** Runs the callbacks that wait for the end of the turn. */
  endTurn(): void {
    this.advance(0)
  }

  /** Moves the clock forward, and runs in order all timers that become due. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      const [timer, entry] = next
      this.#now = Math.max(this.#now, entry.at)
      if (entry.every === undefined) this.#entries.delete(timer)
      else this.#entries.set(timer, { ...entry, at: entry.at + entry.every, order: this.#order++ })
      entry.callback()
    }
    this.#now = end
  }

  #next(end: number): [object, Entry] | undefined {
    const due = [...this.#entries].filter(([, { at }]) => at <= end)
    return due.sort(([, a], [, b]) => a.at - b.at || a.order - b.order)[0]
  }

  #add(callback: () => void, milliseconds: number, every?: number): object {
    const timer = { unref: () => timer, ref: () => timer, hasRef: () => true, refresh: () => timer }
    this.#entries.set(timer, { at: this.#now + milliseconds, order: this.#order++, every, callback })
    return timer
  }

  #remove(timer: object | undefined): void {
    if (timer !== undefined) this.#entries.delete(timer)
  }
}
