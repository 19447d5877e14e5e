// The lines of the room. The newest is in view, unless somebody reads further up.

/** Lines that are kept. */
const KEPT = 50

/** Whether it is at its end, give or take a line. */
function isAtEnd({ scrollHeight, scrollTop, clientHeight }) {
  return scrollHeight - scrollTop - clientHeight < 40
}

/** @param parts - texts and elements */
export function write(list, ...parts) {
  const follows = isAtEnd(list)
  const line = document.createElement('li')
  line.append(...parts.map((part) => (typeof part === 'string' ? span(part) : part)))
  list.append(line)
  if (list.children.length > KEPT) list.firstChild.remove()
  if (follows) list.scrollTop = list.scrollHeight
  return line
}

function span(text) {
  const element = document.createElement('span')
  element.textContent = text
  return element
}
