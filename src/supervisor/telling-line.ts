// The line of a program's stderr that most likely says why it ended. Pure.

/** Where Node shows the source of an uncaught error, a line of carets points at it; the error follows. */
const CARETS = /^\s*\^+\s*$/

/** The first line of an error, or of a fatal failure of V8, which begin a line of their own. */
const ERROR = /^(Uncaught )?\S*(Error|Exception)\b|^FATAL ERROR:/

/** What Node adds below an error, and what closes its details. */
const ADDED = /^(Node\.js v\d|\(Use `node --trace-|\s+at |[\s\])}]*$)/

export class TellingLine {
  #error: string | undefined
  #last: string | undefined
  #isBehindCarets = false

  /** Takes the next line. The line that counts may be followed by any number of others. */
  add(line: string): void {
    if (CARETS.test(line)) {
      this.#isBehindCarets = true
      return
    }
    if (ADDED.test(line)) return
    this.#last = line
    if (this.#isBehindCarets || ERROR.test(line)) this.#error = line
    this.#isBehindCarets = false
  }

  /** The last error, else the last line; undefined where the program wrote none. */
  get line(): string | undefined {
    return this.#error ?? this.#last
  }
}

/** @param lines - oldest first */
export function tellingLine(lines: readonly string[]): string | undefined {
  const telling = new TellingLine()
  for (const line of lines) telling.add(line)
  return telling.line
}
