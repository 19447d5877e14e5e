// What was found out about session keys lately: the same ones come again and again, and most connections bring one only. A
// Map has to hash the whole text of each request's key, and that was most of what the session layer cost a request that
// is at home; so a connection remembers its last key itself.

/** After so many all are forgotten. */
const MOST = 4_096

/** Characters. Longer ones are not kept: strangers choose them. */
const LONGEST = 256

const LAST: unique symbol = Symbol('holdfast.last-key')

interface Last {
  key: string
  known: unknown
  /** Whose it is, and from when. */
  keys: object
}

/** Where a last key is remembered. */
export interface Rememberer {
  [LAST]?: Last
}

export class KnownKeys<T> {
  #keys = new Map<string, T>()

  get(key: string, connection: Rememberer | undefined): T | undefined {
    const last = connection?.[LAST]
    if (last !== undefined && last.key === key && last.keys === this.#keys) return last.known as T
    const known = this.#keys.get(key)
    if (known !== undefined && connection !== undefined) connection[LAST] = { key, known, keys: this.#keys }
    return known
  }

  set(key: string, known: T): void {
    if (key.length > LONGEST) return
    if (this.#keys.size >= MOST) this.clear()
    this.#keys.set(key, known)
  }

  clear(): void {
    this.#keys = new Map()
  }
}
