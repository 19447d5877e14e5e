// What a worker writes to stderr: passed on, and the last lines kept for the report of its end.
import type { Readable } from 'node:stream'

/** The line that most likely says why a program ended: Node puts its own version last. */
export function tellingLine(lines: readonly string[]): string | undefined {
  const said = lines.filter((line) => line.trim() !== '' && !/^Node\.js v\d/.test(line))
  return said.findLast((line) => /^\S*Error\b/.test(line)) ?? said.at(-1)
}

/** Lines to keep, and characters of each. */
const LINES = 20
const LINE_LENGTH = 500

/** A starting worker's output is held back for so many milliseconds, from its first word, or bytes at most. */
const HOLD_TIME = 1_000
const HOLD_BYTES = 64 * 1024

/**
 * Passes on a worker's stderr.
 *
 * At first it is held back: a program that can not start says why and ends, and n workers would say it n times. Whoever
 * sees the end decides whether it is news.
 */
export class StderrRelay {
  readonly #out: (chunk: Buffer) => void
  #timer: NodeJS.Timeout | undefined
  #held: Buffer[] | undefined = []
  #size = 0
  #lines: string[] = []
  #rest = ''

  constructor(stream: Readable, out: (chunk: Buffer) => void) {
    this.#out = out
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
    stream.on('error', () => {}) // the worker ended while it was writing
  }

  /** The last lines, oldest first. */
  get tail(): readonly string[] {
    return this.#rest === '' ? this.#lines : [...this.#lines, this.#rest].slice(-LINES)
  }

  /** What is held back; undefined once it was passed on. */
  get held(): Buffer | undefined {
    return this.#held === undefined ? undefined : Buffer.concat(this.#held)
  }

  /** Passes on what is held back, and from then on everything at once. */
  release(): void {
    clearTimeout(this.#timer)
    const held = this.#held
    this.#held = undefined
    for (const chunk of held ?? []) this.#out(chunk)
  }

  /** Forgets what is held back. */
  discard(): void {
    this.#held = []
  }

  #take(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString()).split('\n')
    this.#rest = (lines.pop() ?? '').slice(0, LINE_LENGTH)
    this.#lines = [...this.#lines, ...lines.map((line) => line.slice(0, LINE_LENGTH))].slice(-LINES)
    if (this.#held === undefined) return this.#out(chunk)
    // From the first word on: a busy machine may take long to get there, and what is last follows soon.
    this.#timer ??= setTimeout(() => this.release(), HOLD_TIME).unref()
    this.#held.push(chunk)
    this.#size += chunk.length
    if (this.#size > HOLD_BYTES) this.release()
  }
}

/** A program that can not start says why once, not once per worker and attempt. */
export class StartOutput {
  #shown: Buffer | undefined

  /** To be called when a process has ended. */
  show(stderr: StderrRelay | undefined): void {
    const held = stderr?.held
    if (held === undefined || held.length === 0) return
    if (this.#shown?.equals(held) === true) stderr?.discard()
    else this.#shown = held
    stderr?.release()
  }
}
