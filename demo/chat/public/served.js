// Shows how this tab is served: what decides on its worker, the transport, and the number of refused requests.
// oxlint-disable-next-line import/no-absolute-path -- that is where Socket.IO serves its client
import { XHR } from '/socket.io/socket.io.esm.min.js'
import { addressWith, TRANSPORTS, wish } from './wish.js'

/** @param welcome - the event 'welcome', which says what decides for a tab that does not ask for a worker */
export function drawServed({ by, transport, hint }, { worker, chosenBy, address }, room) {
  const choices = [
    [chosenBy, { by: 'address' }],
    ['session', { by: 'session' }],
    ...(wish.by === 'worker' ? [[`worker ${wish.worker}`, {}]] : []),
  ]
  drawSwitch(
    by,
    choices.map(([text, changed]) => [text, changed, (changed.by ?? 'worker') === wish.by]),
    room,
  )
  drawSwitch(
    transport,
    TRANSPORTS.map((name) => [name, { transport: name }, name === wish.transport]),
    room,
  )
  hint.textContent = reason(worker.id, chosenBy, address)
}

function reason(worker, chosenBy, address) {
  if (wish.by === 'worker' && wish.worker !== String(worker)) {
    return `There is no worker ${wish.worker}, so it is worker ${worker} for now.`
  }
  if (wish.by === 'worker')
    return `This tab asked for worker ${worker}. Whichever has its connection sends its requests there.`
  if (wish.by === 'session') return 'Each tab has a session of its own, and its worker, whatever address it comes from.'
  if (chosenBy === 'connection') return 'Connections are dealt out; the session that is opened on one keeps its worker.'
  return `Your address, ${address}, decides. All tabs of that address have the same worker.`
}

function drawSwitch(box, choices, room) {
  const links = choices.map(([text, changed, isNow]) => {
    const link = document.createElement('a')
    link.href = addressWith(changed, { room })
    link.textContent = text
    if (isNow) link.setAttribute('aria-current', 'true')
    return link
  })
  box.replaceChildren(...links)
}

/**
 * Polling that counts the answers with status 400, which a worker gives for a session that it does not know. It counts
 * each answer: Socket.IO reports the first one that ends a connection only.
 *
 * @param shown - the element for the number
 */
export function countingPolling(shown) {
  const { dataset } = document.body
  return class extends XHR {
    request(options) {
      const request = super.request(options)
      request.on('error', (status) => {
        if (status !== 400) return
        dataset.refused = String(Number(dataset.refused) + 1)
        shown.textContent = dataset.refused
        shown.dataset.kind = 'bad'
      })
      return request
    }
  }
}
