// The lines of the room. The newest line stays in view, unless the user has scrolled up.

/** Number of lines kept. */
const KEPT = 50

/** Whether the list is scrolled to its end, within about one line. */
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
