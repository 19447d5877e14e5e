// Objects that come and go with connections, of which all are wanted now and then. A Set would do, but each time it fills
// up it moves to a new table, and the former one points to it: once one of them is old enough to be out of reach of the
// quick garbage collection, all that follow are kept with what was in them, and copied. That doubled the memory which
// lived on, and made up a tenth of the cost of a short connection.

/** Each object of a bag has its index there as a property. */
type Placed = Record<symbol, number | undefined>

/** An unordered collection. */
export class DenseSet<T extends object> implements Iterable<T> {
  readonly #items: T[] = []
  readonly #index = Symbol('index')

  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    const index = this.#index
    if ((item as Placed)[index] !== undefined) return
    ;(item as Placed)[index] = this.#items.push(item) - 1
  }

  has(item: T): boolean {
    return (item as Placed)[this.#index] !== undefined
  }

  /** @returns whether it was there */
  delete(item: T): boolean {
    const index = this.#index
    const at = (item as Placed)[index]
    if (at === undefined) return false
    ;(item as Placed)[index] = undefined
    const last = this.#items.pop() as T
    if (last !== item) {
      this.#items[at] = last
      ;(last as Placed)[index] = at
    }
    return true
  }

  /** Over what is there when it begins. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#items][Symbol.iterator]()
  }
}
