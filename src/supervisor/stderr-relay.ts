// The stderr of a worker: it is copied to the stderr of the primary, and its last lines are kept for the report of the end.
import type { Readable } from 'node:stream'
import type { World } from '../world.ts'
import { TellingLine } from './telling-line.ts'

/** Lines to keep, and characters of each. */
const LINES = 20
const LINE_LENGTH = 500

/** The output of a starting worker is held back for so many milliseconds from its first byte, or so many bytes at most. */
const HOLD_TIME = 1_000
const HOLD_BYTES = 64 * 1024

/**
 * Copies the stderr of a worker.
 *
 * At first the output is held back: a program that cannot start writes the reason and ends, and n workers would write it n
 * times. {@link StartOutput} decides at the end of the process whether the output is new.
 */
export class StderrRelay {
  readonly #out: (chunk: Buffer) => void
  readonly #world: World
  #timer: NodeJS.Timeout | undefined
  #held: Buffer[] | undefined = []
  #size = 0
  #lines: string[] = []
  readonly #telling = new TellingLine()
  #rest = ''

  constructor(stream: Readable, out: (chunk: Buffer) => void, world: World) {
    this.#out = out
    this.#world = world
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
    stream.on('error', () => {}) // the worker ended while it wrote
  }

  /** The last lines, oldest first. */
  get tail(): readonly string[] {
    return this.#rest === '' ? this.#lines : [...this.#lines, this.#rest].slice(-LINES)
  }

  /** The line that most likely says why the program ended, also where it is not among the last ones any more. */
  get telling(): string | undefined {
    if (this.#rest !== '') this.#telling.add(this.#rest)
    return this.#telling.line
  }

  /** The output that is held back; undefined once it was copied. */
  get held(): Buffer | undefined {
    return this.#held === undefined ? undefined : Buffer.concat(this.#held)
  }

  /** Copies the output that is held back, and from then on everything at once. */
  release(): void {
    this.#world.clearTimeout(this.#timer)
    const held = this.#held
    this.#held = undefined
    for (const chunk of held ?? []) this.#out(chunk)
  }

  /** Drops the output that is held back. */
  discard(): void {
    this.#held = []
  }

  #take(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString()).split('\n')
    this.#rest = (lines.pop() ?? '').slice(0, LINE_LENGTH)
    const cut = lines.map((line) => line.slice(0, LINE_LENGTH))
    for (const line of cut) this.#telling.add(line)
    this.#lines = [...this.#lines, ...cut].slice(-LINES)
    if (this.#held === undefined) return this.#out(chunk)
    // From the first byte on: a busy machine may take long to get there, and the last byte follows soon.
    this.#timer ??= this.#world.setTimeout(() => this.release(), HOLD_TIME).unref()
    this.#held.push(chunk)
    this.#size += chunk.length
    if (this.#size > HOLD_BYTES) this.release()
  }
}

/** Shows why a program cannot start once, not once per worker and attempt. */
export class StartOutput {
  #shown: Buffer | undefined

  /** Called when a process has ended. */
  show(stderr: StderrRelay | undefined): void {
    const held = stderr?.held
    if (held === undefined || held.length === 0) return
    if (this.#shown?.equals(held) === true) stderr?.discard()
    else this.#shown = held
    stderr?.release()
  }
}
