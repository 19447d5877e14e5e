// The output of a worker process in whole lines: several processes write to the same place, and a long line arrives in
// several chunks, between which a line of another process would come.
import type { Readable, Writable } from 'node:stream'
import type { World } from '../world.ts'

/** Bytes of a line that are kept for the rest of it. A longer line is cut. */
const MAX_LINE = 1024 * 1024

/** Milliseconds for which the start of a line is kept. Some programs write dots, or a question without a line's end. */
const MAX_WAIT = 1_000

const NEWLINE = 10

export class WholeLines {
  readonly #out: (lines: Buffer) => void
  readonly #world: World
  #start: Buffer[] = []
  #size = 0
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  /** @param out - gets one or more whole lines at a time */
  constructor(out: (lines: Buffer) => void, world: World) {
    this.#out = out
    this.#world = world
  }

  take(chunk: Buffer): void {
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end > 0) this.#flush(chunk.subarray(0, end))
    if (end === chunk.length) return
    this.#start.push(chunk.subarray(end))
    this.#size += chunk.length - end
    if (this.#isOver || this.#size > MAX_LINE) return this.#flush()
    this.#wait(MAX_WAIT, () => {
      // After a busy turn of the event loop the rest may be there, still unread: it is read before the next timer.
      this.#wait(0, () => this.#flush())
    })
  }

  /** No more output comes: writes the start of a line that has no end. */
  end(): void {
    this.#isOver = true
    this.#flush()
  }

  #wait(milliseconds: number, callback: () => void): void {
    this.#world.clearTimeout(this.#timer)
    this.#timer = this.#world.setTimeout(callback, milliseconds).unref()
  }

  #flush(...more: Buffer[]): void {
    this.#world.clearTimeout(this.#timer)
    const [first, ...others] = [...this.#start, ...more]
    this.#start = []
    this.#size = 0
    if (first !== undefined) this.#out(others.length === 0 ? first : Buffer.concat([first, ...others]))
  }
}

/** Where the output of all workers goes. While the reader is slow, the workers wait, as they would without Holdfast. */
export class Output {
  readonly #to: Writable
  readonly #waiting = new Set<Readable>()
  #isBroken = false

  constructor(to: Writable) {
    this.#to = to
    to.on('drain', () => this.#resume())
    // The reader is gone. A worker must not wait for it, nor end because of it.
    to.on('error', () => {
      this.#isBroken = true
      this.#resume()
    })
  }

  /** Copies the output of a worker. */
  relay(from: Readable, world: World): void {
    const lines = new WholeLines((chunk) => {
      if (this.#isBroken || this.#to.write(chunk)) return
      this.#waiting.add(from)
      from.pause()
    }, world)
    from.on('data', (chunk: Buffer) => lines.take(chunk))
    from.on('end', () => lines.end())
    from.on('error', () => {}) // the worker ended while it wrote
  }

  /** Resolves when everything is written, or cannot be. */
  async written(): Promise<void> {
    if (this.#isBroken || this.#to.writableLength === 0) return
    await new Promise<void>((resolve) => {
      this.#to.once('error', () => resolve())
      this.#to.write('', () => resolve())
    })
  }

  #resume(): void {
    for (const from of this.#waiting) from.resume()
    this.#waiting.clear()
  }
}
