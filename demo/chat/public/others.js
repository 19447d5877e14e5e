// Links that open more tabs: on a chosen worker, and as another client.
import { badge } from './badge.js'
import { addressWith } from './wish.js'

/** Draws one link per living worker. */
export function drawTabsOn(box, workers, room) {
  const ids = [...new Set(workers.filter(({ away }) => !away).map(({ id }) => id))]
  // The links are replaced only when they change, because a replaced link loses the focus.
  const state = JSON.stringify([ids, room])
  if (box.dataset.state === state) return
  box.dataset.state = state
  const links = ids.map((worker) => {
    const made = link(addressWith({ by: 'worker', worker }, { room }), '')
    made.setAttribute('aria-label', `Another tab on worker ${worker}`)
    made.append(badge(worker))
    return made
  })
  box.replaceChildren(...links)
}

export function drawOthers(box, { otherHosts }, room) {
  const port = location.port === '' ? '' : `:${location.port}`
  const links = otherHosts.map((host) => {
    const url = addressWith({ by: 'address' }, { host: `${host}${port}`, room })
    const made = link(url, `Another tab as ${host}`)
    made.classList.add('wide')
    return made
  })
  box.replaceChildren(...links)
}

function link(href, text) {
  const made = document.createElement('a')
  made.className = 'button'
  made.href = href
  made.target = '_blank'
  made.rel = 'noopener'
  made.textContent = text
  return made
}
