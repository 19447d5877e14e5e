// Shows which members are writing now, and tells the others when this tab is writing.

/** Milliseconds that a sign of typing lasts; milliseconds between two signs. */
const LASTS = 3_000
const PAUSE = 1_500

export class Typing {
  #line
  #send
  #writers = new Map()
  #sentAt = 0

  /** @param send - sends a sign of typing to the others */
  constructor(line, send) {
    this.#line = line
    this.#send = send
  }

  /** A key was pressed in this tab. */
  typed() {
    const now = performance.now()
    if (this.#sentAt !== 0 && now - this.#sentAt < PAUSE) return
    this.#sentAt = now
    this.#send()
  }

  /** The message is sent, so the next key is a new sign of typing. */
  sent() {
    this.#sentAt = 0
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
