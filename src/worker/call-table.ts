// The calls on a line between two workers, by number. A Map would do, but with calls that come and go it keeps the dead
// ones alive for long, see bag.ts.

/** Calls that are there at a time before the table grows; a power of two. */
const SIZE = 64

/** A call is in the place that the last bits of its number say, so each end has room for all that the other one has. */
export class CallTable<T extends object> implements Iterable<T> {
  #calls: (T | undefined)[] = places(SIZE)
  /** By place; of a call that has gone it says nothing. */
  #ids: number[] = places(SIZE, 0)
  #size = 0
  #last = 0

  get size(): number {
    return this.#size
  }

  /** @returns its number: a new one, whose place is free */
  add(call: T): number {
    if (this.#size * 2 >= this.#calls.length) this.#grow()
    do this.#last = (this.#last + 1) >>> 0
    while (this.#calls[this.#placeOf(this.#last)] !== undefined)
    this.#put(this.#last, call)
    return this.#last
  }

  /**
   * @param id - one that the other end's table gave
   * @throws Error where it is in use
   */
  set(id: number, call: T): void {
    if (this.get(id) !== undefined) throw new Error(`call ${id} is there already`)
    while (this.#calls[this.#placeOf(id)] !== undefined) this.#grow()
    this.#put(id, call)
  }

  get(id: number): T | undefined {
    const place = this.#placeOf(id)
    return this.#ids[place] === id ? this.#calls[place] : undefined
  }

  /** @returns whether it was there */
  delete(id: number): boolean {
    if (this.get(id) === undefined) return false
    this.#calls[this.#placeOf(id)] = undefined
    this.#size--
    return true
  }

  /** Over what is there when it begins. */
  [Symbol.iterator](): Iterator<T> {
    return this.#calls.filter((call) => call !== undefined)[Symbol.iterator]()
  }

  #placeOf(id: number): number {
    return id & (this.#calls.length - 1)
  }

  #put(id: number, call: T): void {
    const place = this.#placeOf(id)
    this.#calls[place] = call
    this.#ids[place] = id
    this.#size++
  }

  #grow(): void {
    const [calls, ids] = [this.#calls, this.#ids]
    this.#calls = places(calls.length * 2)
    this.#ids = places(calls.length * 2, 0)
    this.#size = 0
    for (const [place, call] of calls.entries()) if (call !== undefined) this.#put(ids[place] ?? 0, call)
  }
}

function places<T>(count: number, empty?: T): T[] {
  return Array.from({ length: count }, () => empty as T)
}
