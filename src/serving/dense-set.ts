// A set of objects that come and go with connections. A Set would do, but each time it is full it moves to a new table,
// and the old table points to the new one. Once an old table is out of reach of the quick garbage collection, all tables
// after it and what was in them stay in memory too. That doubled the memory that lived on, and to copy the tables was a
// tenth of the cost of a short connection.

/** Each object has its index in the set's array as a property. */
type Indexed = Record<symbol, number | undefined>

/** A set in no order. */
export class DenseSet<T extends object> implements Iterable<T> {
  readonly #items: T[] = []
  readonly #index = Symbol('index')

  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    const index = this.#index
    if ((item as Indexed)[index] !== undefined) return
    ;(item as Indexed)[index] = this.#items.push(item) - 1
  }

  has(item: T): boolean {
    return (item as Indexed)[this.#index] !== undefined
  }

  /** @returns whether the item was in the set */
  delete(item: T): boolean {
    const index = this.#index
    const at = (item as Indexed)[index]
    if (at === undefined) return false
    ;(item as Indexed)[index] = undefined
    const last = this.#items.pop() as T
    if (last !== item) {
      this.#items[at] = last
      ;(last as Indexed)[index] = at
    }
    return true
  }

  /** Iterates over the items that are in the set when the iteration begins. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#items][Symbol.iterator]()
  }
}
