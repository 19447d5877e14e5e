// One line across the page about the connection.

/** Milliseconds that a good message stays. */
const STAYS = 4_000

export class Banner {
  #element
  #timer

  constructor(element) {
    this.#element = element
  }

  /** Shows a problem. It stays until another message is shown. */
  bad(text) {
    this.#show(text, 'bad')
  }

  good(text) {
    this.#show(text, 'good')
    this.#timer = setTimeout(() => this.hide(), STAYS)
  }

  hide() {
    clearTimeout(this.#timer)
    this.#element.hidden = true
  }

  #show(text, kind) {
    clearTimeout(this.#timer)
    this.#element.hidden = false
    this.#element.dataset.kind = kind
    // A screen reader would read the same text out again.
    if (this.#element.textContent !== text) this.#element.textContent = text
  }
}
