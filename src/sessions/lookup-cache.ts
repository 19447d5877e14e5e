// What a connection's last request led to. Most connections bring requests of one session only, each with the same text:
// to compare two texts costs next to nothing, while to take a cookie out of its line, to decode it or to look a key up
// would be most of what the session layer costs a request that is at home.
import type { SessionRule } from '../options/options.ts'

/** Characters. Longer ones are not kept: strangers choose them, and connections may be many. */
const LONGEST = 1_024

const LAST: unique symbol = Symbol('holdfast.last-text')

interface Last<T> {
  readonly rule: SessionRule
  /** What the rule looked at. */
  readonly text: string
  /** Where it leads; undefined: nowhere. */
  readonly where: T | undefined
  /** Another one since something changed. */
  readonly era: object
}

/** Where it is remembered. */
export interface Connection {
  [LAST]?: Last<unknown>
}

export class LastText<T> {
  #era = {}

  /** @param find - asked where the connection does not remember */
  where(
    connection: Connection | undefined,
    rule: SessionRule,
    text: string,
    find: (rule: SessionRule, text: string) => T | undefined,
  ): T | undefined {
    const last = connection?.[LAST]
    if (last !== undefined && last.text === text && last.rule === rule && last.era === this.#era) {
      return last.where as T | undefined
    }
    const where = find(rule, text)
    if (connection !== undefined && text.length <= LONGEST) {
      connection[LAST] = { rule, text: typeof rule === 'function' ? copied(text) : text, where, era: this.#era }
    }
    return where
  }

  /** Everything may lead elsewhere from now on. */
  forget(): void {
    this.#era = {}
  }
}

/** An answer of the application may be a piece of a longer text, all of which it would keep. */
function copied(text: string): string {
  return Buffer.from(text).toString()
}
