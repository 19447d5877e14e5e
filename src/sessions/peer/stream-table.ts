// The streams of a mux by their id. A Map would do, but where entries come and go it keeps the removed ones in memory for
// long, see serving/dense-set.ts.

/** Places for streams before the table grows; a power of two. */
const SIZE = 64

/** The last bits of an id name its place. So an id that has an empty place at one end of a mux has one at the other end. */
export class StreamTable<T extends object> implements Iterable<T> {
  #streams: (T | undefined)[] = places(SIZE)
  /** The id of the stream at each place; meaningless where the place is empty. */
  #ids: number[] = places(SIZE, 0)
  #size = 0
  #lastId = 0

  get size(): number {
    return this.#size
  }

  /** @returns a new id for the stream, with an empty place */
  add(stream: T): number {
    if (this.#size * 2 >= this.#streams.length) this.#grow()
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#streams[this.#placeOf(this.#lastId)] !== undefined)
    this.#put(this.#lastId, stream)
    return this.#lastId
  }

  /**
   * @param id - an id that {@link add} returned at the other end of the mux
   * @throws Error where another stream has the id
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

  /** @returns whether there was such a stream */
  delete(id: number): boolean {
    if (this.get(id) === undefined) return false
    this.#streams[this.#placeOf(id)] = undefined
    this.#size--
    return true
  }

  /** Iterates over the streams that are in the table when the iteration begins. */
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
