// Remembers on a connection what the last request's session text led to. Most connections bring requests of one session,
// each with the same text. To compare two texts costs next to nothing, while to take a cookie out of its line, to decode
// it and to look up a key would be most of what the session layer costs a request that stays in this process.
import type { SessionRule } from '../options/options.ts'

/** Characters. Longer texts are not remembered, because clients choose them, and connections may be many. */
const MAX_TEXT = 1_024

const LAST_LOOKUP: unique symbol = Symbol('holdfast.last-lookup')

interface Lookup<T> {
  readonly rule: SessionRule
  /** The text that the rule found in the request: a header, a line of cookies, a session id. */
  readonly text: string
  /** What the text leads to; undefined where it leads to nothing. */
  readonly result: T | undefined
  /** The generation of the cache in which the result was found. */
  readonly generation: object
}

/** An object on which a lookup is remembered: the socket of a connection. */
export interface Connection {
  [LAST_LOOKUP]?: Lookup<unknown>
}

export class LookupCache<T> {
  #generation = {}

  /**
   * @param connection - undefined: nothing is remembered
   * @param find - called where the connection does not remember this rule and text
   * @returns what `find` returns, or has returned for the same rule and text since the last {@link clear}
   */
  lookUp(
    connection: Connection | undefined,
    rule: SessionRule,
    text: string,
    find: (rule: SessionRule, text: string) => T | undefined,
  ): T | undefined {
    const last = connection?.[LAST_LOOKUP]
    if (last !== undefined && last.text === text && last.rule === rule && last.generation === this.#generation) {
      return last.result as T | undefined
    }
    const result = find(rule, text)
    if (connection !== undefined && text.length <= MAX_TEXT) {
      const kept = typeof rule === 'function' ? copyOf(text) : text
      connection[LAST_LOOKUP] = { rule, text: kept, result, generation: this.#generation }
    }
    return result
  }

  /** Forgets all results, on every connection. */
  clear(): void {
    this.#generation = {}
  }
}

/** A text from the application may be a piece of a longer one, which would stay in memory as long as the piece. */
function copyOf(text: string): string {
  return Buffer.from(text).toString()
}
