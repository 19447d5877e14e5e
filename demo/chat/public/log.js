// The messages of the room and what happened in it, in the order of their times. Whatever people wrote is text, never
// markup.
import { badge, paintHue } from './badge.js'

/** Lines kept in the page. */
const LINES = 300

export class Log {
  #list
  #toEnd
  #me
  /** Whether new lines are in view. */
  #follow = true
  /** Message id -> its line. */
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
    // A keyboard that comes up on a phone takes from the height.
    new ResizeObserver(() => this.#follow && this.#scrollToEnd()).observe(list)
    toEnd.addEventListener('click', () => this.#scrollToEnd())
  }

  clear() {
    this.#list.replaceChildren()
    this.#follow = true
    this.#lines.clear()
    this.#toEnd.hidden = true
  }

  /** A message of this tab, before anybody has it. */
  showOwn(message) {
    const line = this.#line(message)
    line.dataset.state = 'waiting'
    line.firstChild.append(element('span', 'state', 'on its way'))
    this.#place(line, message.at)
    this.#scrollToEnd()
  }

  /** A message that has arrived, own or not, once or several times. @returns whether it is new here */
  show(message) {
    const before = this.#lines.get(message.id)
    if (before?.dataset.state === 'sent') return false
    const line = before ?? this.#line(message)
    line.dataset.state = 'sent'
    line.querySelector('.state')?.remove()
    // As all others have it: what turns the direction is left out.
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

  /** Stays where it is if that is right: a line that moves is read out again. */
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

/** 0 where there is no line. */
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
