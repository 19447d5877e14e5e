// The messages and notices of the room, sorted by time. User input is inserted as text, never as markup.
import { badge, paintHue } from './badge.js'

/** Number of lines kept in the page. */
const LINES = 300

export class Log {
  #list
  #toEnd
  #me
  /** Whether the list scrolls to new lines. */
  #follow = true
  /** Lines by message id. */
  #lines = new Map()

  /** @param me - function that gives this tab's public name */
  constructor(list, toEnd, me) {
    this.#list = list
    this.#toEnd = toEnd
    this.#me = me
    list.addEventListener('scroll', () => {
      this.#follow = this.#isAtEnd()
      if (this.#follow) toEnd.hidden = true
    })
    // The keyboard of a phone makes the list lower.
    new ResizeObserver(() => this.#follow && this.#scrollToEnd()).observe(list)
    toEnd.addEventListener('click', () => this.#scrollToEnd())
  }

  clear() {
    this.#list.replaceChildren()
    this.#follow = true
    this.#lines.clear()
    this.#toEnd.hidden = true
  }

  /** Shows a message of this tab before it is sent. */
  showOwn(message) {
    const line = this.#line(message)
    line.dataset.state = 'waiting'
    line.firstChild.append(element('span', 'state', 'on its way'))
    this.#place(line, message.at)
    this.#scrollToEnd()
  }

  /** Shows a received message; it may arrive more than once. @returns whether it is new in this tab */
  show(message) {
    const before = this.#lines.get(message.id)
    if (before?.dataset.state === 'sent') return false
    const line = before ?? this.#line(message)
    line.dataset.state = 'sent'
    line.querySelector('.state')?.remove()
    // The text as the server cleaned it, which all other tabs show.
    line.querySelector('.text').textContent = message.text
    line.querySelector('time').replaceWith(timeOf(message.at))
    line.firstChild.append(badge(message.worker))
    paintHue(line, message.worker)
    this.#place(line, message.at)
    return before === undefined
  }

  refuse(id, reason) {
    const line = this.#lines.get(id)
    if (line === undefined) return
    line.dataset.state = 'refused'
    line.querySelector('.state').textContent = `not sent: ${reason}`
  }

  notice(text) {
    this.#place(element('li', 'notice', text), Date.now())
  }

  #line({ id, person, name, text, at }) {
    const line = element('li', person === this.#me() ? 'message own' : 'message')
    line.dataset.id = id
    const header = element('header')
    header.append(element('span', 'name', name), timeOf(at))
    line.append(header, element('div', 'text', text))
    this.#lines.set(id, line)
    return line
  }

  /** Puts the line in its place. A line that is right already is not moved, or a screen reader would read it again. */
  #place(line, at) {
    const isNew = !line.isConnected
    line.dataset.at = String(at)
    const isRight = atOf(line.previousElementSibling) <= at && at <= (atOf(line.nextElementSibling) || Infinity)
    if (isNew || !isRight) {
      line.remove()
      let next = null
      let last = this.#list.lastElementChild
      while (atOf(last) > at) {
        next = last
        last = last.previousElementSibling
      }
      this.#list.insertBefore(line, next)
    }
    while (this.#list.childElementCount > LINES) {
      this.#lines.delete(this.#list.firstElementChild.dataset.id)
      this.#list.firstElementChild.remove()
    }
    if (this.#follow) this.#scrollToEnd()
    else if (isNew && line.dataset.id !== undefined) this.#toEnd.hidden = false
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list
    return scrollHeight - scrollTop - clientHeight < 60
  }

  #scrollToEnd() {
    this.#follow = true
    this.#list.scrollTop = this.#list.scrollHeight
    this.#toEnd.hidden = true
  }
}

/** Time of the line; 0 without a line. */
function atOf(line) {
  return Number(line?.dataset.at ?? 0)
}

function timeOf(at) {
  const date = new Date(at)
  const time = element('time', '', date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }))
  time.dateTime = date.toISOString()
  return time
}

function element(tag, className = '', text = '') {
  const made = document.createElement(tag)
  made.className = className
  made.textContent = text
  return made
}
