// Who is writing just now, and telling the others that this tab is.

/** Milliseconds that a sign of typing lasts; between two signs. */
const LASTS = 3_000
const PAUSE = 1_500

export class Typing {
  #line
  #tell
  #writers = new Map()
  #toldAt = 0

  /** @param tell - tells the others */
  constructor(line, tell) {
    this.#line = line
    this.#tell = tell
  }

  /** A key was pressed here. */
  typed() {
    const now = performance.now()
    if (this.#toldAt !== 0 && now - this.#toldAt < PAUSE) return
    this.#toldAt = now
    this.#tell()
  }

  /** What was written here is sent: the next key counts as new. */
  sent() {
    this.#toldAt = 0
  }

  show(person, name) {
    clearTimeout(this.#writers.get(person)?.timer)
    this.#writers.set(person, { name, timer: setTimeout(() => this.hide(person), LASTS) })
    this.#draw()
  }

  hide(person) {
    clearTimeout(this.#writers.get(person)?.timer)
    if (this.#writers.delete(person)) this.#draw()
  }

  clear() {
    for (const person of this.#writers.keys()) this.hide(person)
  }

  #draw() {
    const names = [...this.#writers.values()].map(({ name }) => name)
    if (names.length === 0) this.#line.textContent = ''
    else if (names.length <= 2)
      this.#line.textContent = `${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'} writing…`
    else this.#line.textContent = `${names.length} people are writing…`
  }
}
