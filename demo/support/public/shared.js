// Shared by all pages: a worker in its colour, requests to the server, and links that open the page as another client.

const HUES = 8

/** Makes the element the badge of the worker. */
export function paintBadge(element, worker) {
  const number = Number(worker)
  element.classList.add('badge')
  element.textContent = String(worker)
  element.title = `worker ${worker}`
  element.dataset.hue = String(number % HUES)
  element.dataset.lap = String(Math.floor(number / HUES))
  return element
}

export function badge(worker) {
  return paintBadge(document.createElement('span'), worker)
}

/** Fills a `.worker` with the badge of the worker and its pid. */
export function paintWorker(element, { worker, pid }) {
  const text = document.createElement('span')
  text.textContent = `worker ${worker}, pid ${pid}`
  element.replaceChildren(badge(worker), text)
}

/** @returns the JSON of the answer. Throws an error whose message is a sentence. */
export async function ask(path, { method = 'GET', body } = {}) {
  const json = body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(path, { method, cache: 'no-store', ...json })
  if (!response.ok) throw new Error(await problemOf(response))
  return response.json()
}

/** The error text of a JSON answer; an HTML page has none. */
async function problemOf(response) {
  const isJson = /json/.test(response.headers.get('Content-Type'))
  const { error } = isJson ? await response.json() : {}
  return error ?? `The server answered with status ${response.status}.`
}

/** Fills an `.others` with this client's address and with links that open this page as another client. */
export async function drawOthers(element) {
  const { address, otherHosts } = await ask('/client')
  const port = location.port === '' ? '' : `:${location.port}`
  const links = otherHosts.map((host) => {
    const link = document.createElement('a')
    link.className = 'button'
    link.href = `http://${host}${port}/`
    link.target = '_blank'
    link.rel = 'noopener'
    link.textContent = `Another tab as ${host}`
    return link
  })
  const row = document.createElement('p')
  row.className = 'row'
  row.append(...links)
  const hint = document.createElement('p')
  hint.className = 'hint'
  const how = links.length > 0 ? 'another one may have another worker' : 'another device has another one'
  hint.textContent = `You are ${address}. The worker is chosen by the client’s address; ${how}.`
  element.replaceChildren(row, hint)
}
