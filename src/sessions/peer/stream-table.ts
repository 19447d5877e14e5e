// The streams on a line between two workers, by number. A Map would do, but with streams that come and go it keeps the dead
// ones alive for long, see serving/dense-set.ts.

/** Calls that are there at a time before the table grows; a power of two. */
const SIZE = 64

/** A stream is in the place that the last bits of its number say, so each end has room for all that the other one has. */
export class StreamTable<T extends object> implements Iterable<T> {
  #streams: (T | undefined)[] = places(SIZE)
  /** By place; of a stream that has gone it says nothing. */
  #ids: number[] = places(SIZE, 0)
  #size = 0
  #last = 0

  get size(): number {
    return this.#size
  }

  /** @returns its number: a new one, whose place is free */
  add(stream: T): number {
    if (this.#size * 2 >= this.#streams.length) this.#grow()
    do this.#last = (this.#last + 1) >>> 0
    while (this.#streams[this.#placeOf(this.#last)] !== undefined)
    this.#put(this.#last, stream)
    return this.#last
  }

  /**
   * @param id - one that the other end's table gave
   * @throws Error where it is in use
   */
  set(id: number, stream: T): void {
    if (this.get(id) !== undefined) throw new Error(`stream ${id} is there already`)
    while (this.#streams[this.#placeOf(id)] !== undefined) this.#grow()
    this.#put(id, stream)
  }

  get(id: number): T | undefined {
    const place = this.#placeOf(id)
    return this.#ids[place] === id ? this.#streams[place] : undefined
  }

  /** @returns whether it was there */
  delete(id: number): boolean {
    if (this.get(id) === undefined) return false
    this.#streams[this.#placeOf(id)] = undefined
    this.#size--
    return true
  }

  /** Over what is there when it begins. */
  [Symbol.iterator](): Iterator<T> {
    return this.#streams.filter((stream) => stream !== undefined)[Symbol.iterator]()
  }

  #placeOf(id: number): number {
    return id & (this.#streams.length - 1)
  }

  #put(id: number, stream: T): void {
    const place = this.#placeOf(id)
    this.#streams[place] = stream
    this.#ids[place] = id
    this.#size++
  }

  #grow(): void {
    const [streams, ids] = [this.#streams, this.#ids]
    this.#streams = places(streams.length * 2)
    this.#ids = places(streams.length * 2, 0)
    this.#size = 0
    for (const [place, stream] of streams.entries()) if (stream !== undefined) this.#put(ids[place] ?? 0, stream)
  }
}

function places<T>(count: number, empty?: T): T[] {
  return Array.from({ length: count }, () => empty as T)
}
