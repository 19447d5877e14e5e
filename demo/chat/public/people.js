// The members of the room. A member that is missing from an update stays in the list, dimmed, for a while: a tab whose
// worker was killed comes back in a moment, without a notice.
import { badge } from './badge.js'

/** Milliseconds after which a missing member counts as left. */
const LEAVE_DELAY = 8_000

export class People {
  #list
  #on
  #me
  #known = new Map()
  #isFirst = true

  /**
   * @param me - function that gives this tab's public name
   * @param on - `came(name)`, `left(name)`, `changed(count)`
   */
  constructor(list, me, on) {
    this.#list = list
    this.#me = me
    this.#on = on
  }

  clear() {
    for (const { timer } of this.#known.values()) clearTimeout(timer)
    this.#known.clear()
    this.#isFirst = true
    this.#draw()
  }

  /** Takes the complete list of members. */
  update(people) {
    const present = new Set()
    for (const person of people) {
      present.add(person.person)
      const before = this.#known.get(person.person)
      clearTimeout(before?.timer)
      this.#known.set(person.person, { ...person, timer: undefined })
      if (before === undefined && !this.#isFirst && person.person !== this.#me()) this.#on.came(person.name)
    }
    for (const [id, person] of this.#known) {
      if (!present.has(id)) person.timer ??= setTimeout(() => this.remove(id), LEAVE_DELAY)
    }
    this.#isFirst = false
    this.#draw()
  }

  /** Removes a member that has left. */
  remove(id) {
    const person = this.#known.get(id)
    if (person === undefined) return
    clearTimeout(person.timer)
    this.#known.delete(id)
    this.#on.left(person.name)
    this.#draw()
  }

  #draw() {
    const mine = this.#me()
    const sorted = [...this.#known.values()].sort((a, b) => a.name.localeCompare(b.name) || a.worker - b.worker)
    const lines = sorted.map(({ person, name, worker, timer }) => {
      const line = document.createElement('li')
      line.dataset.person = person
      if (timer !== undefined) line.dataset.away = ''
      const text = document.createElement('span')
      text.textContent = person === mine ? `${name} (you)` : name
      line.append(badge(worker), text)
      return line
    })
    this.#list.replaceChildren(...lines)
    this.#on.changed(sorted.length)
  }
}
