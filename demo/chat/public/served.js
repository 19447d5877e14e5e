// Shows how this tab is served: what decides on its worker, the transport, and the number of refused requests.
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

/** Counts the answers with status 400, which a worker gives for a session that it does not know. */
export function countRefusals(socket, shown) {
  const { dataset } = document.body
  const note = (status) => {
    if (status !== 400) return
    dataset.refused = String(Number(dataset.refused) + 1)
    shown.textContent = dataset.refused
    shown.dataset.kind = 'bad'
  }
  socket.on('disconnect', (_reason, details) => note(details?.description))
  socket.on('connect_error', ({ description }) => note(description))
}
