// A worker's id in its colour, in the page and as the tab's icon.

const HUES = 8

/** Makes the element a badge of the worker. */
export function paintBadge(element, worker) {
  element.classList.add('badge')
  element.textContent = String(worker)
  element.title = `worker ${worker}`
  paintHue(element, worker)
  return element
}

export function badge(worker) {
  return paintBadge(document.createElement('span'), worker)
}

/** Gives the element the worker's colour as `--own`. */
export function paintHue(element, worker) {
  element.dataset.hue = String(worker % HUES)
  element.dataset.lap = String(Math.floor(worker / HUES))
}

/** @param like - an element in the worker's colours */
export function paintIcon(worker, like) {
  const { backgroundColor, color } = getComputedStyle(like)
  const text = `<text x="16" y="23" font-family="sans-serif" font-size="20" font-weight="700" text-anchor="middle" fill="${color}">${worker}</text>`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${backgroundColor}"/>${text}</svg>`
  document.getElementById('icon').href = `data:image/svg+xml,${encodeURIComponent(svg)}`
}
