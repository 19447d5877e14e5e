// Connects, enters the room, and shows the messages of the room.
import { write } from './log.js'
import { badge, drawOthers, paintWorker } from './shared.js'

const at = (id) => document.getElementById(id)
const ways = { ipc: 'through the primary', redis: 'through Redis', local: 'of this one process' }

/** Milliseconds until the next attempt to connect. */
const RECONNECT_DELAY = 500

let socket
let isLost = false
/** Whether this worker reaches the other workers. */
let isReachable = true
/** The room to be in; the page enters it again after a lost connection. */
let wanted = at('room').value
let self
/** Messages that this page sent and has not received back. After a lost connection they may be lost too. */
let unconfirmed = []
connect()
at('enter').addEventListener('submit', (event) => {
  event.preventDefault()
  wanted = at('room').value
  enter()
})
at('say').addEventListener('submit', (event) => {
  event.preventDefault()
  const text = at('text').value.trim()
  socket.send(JSON.stringify({ type: 'say', text }))
  unconfirmed.push(text)
  at('text').value = ''
})
await drawOthers(at('others'))

function connect() {
  socket = new WebSocket(`ws://${location.host}/`)
  socket.addEventListener('open', () => enter())
  socket.addEventListener('message', ({ data }) => receive(JSON.parse(data)))
  socket.addEventListener('close', () => {
    mayWrite(false)
    if (!isLost) lose()
    setTimeout(connect, RECONNECT_DELAY)
  })
}

/** Says that the connection is lost: once, however many attempts follow. */
function lose() {
  isLost = true
  at('worker').textContent = 'connecting …'
  note('The connection is lost, trying again … What you write stays in the field.')
  at('text').value = [...unconfirmed, at('text').value].filter((text) => text !== '').join(' ')
  unconfirmed = []
}

function enter() {
  socket.send(JSON.stringify({ type: 'enter', room: wanted }))
}

function mayWrite(isOpen) {
  for (const button of document.querySelectorAll('form button')) button.disabled = !isOpen
}

function receive({ type, worker, pid, bus, room, text, others: reachesOthers }) {
  if (type === 'welcome') {
    self = worker
    paintWorker(at('worker'), { worker, pid })
    at('bus').textContent = `over the bus ${ways[bus]}`
  }
  if (type === 'reach' && reachesOthers !== isReachable) showReach(reachesOthers)
  if (type === 'entered') {
    isLost = false
    mayWrite(true)
    note(`You are in ${room}.`)
  }
  if (type === 'came') note('A client has come in, served by', worker)
  if (type === 'said') {
    if (worker === self) unconfirmed = unconfirmed.filter((own) => own !== text)
    write(at('log'), badge(worker), text)
  }
}

function showReach(reachesOthers) {
  isReachable = reachesOthers
  note(
    isReachable
      ? 'The other workers can be reached again.'
      : 'Other workers cannot be reached for now. Those on this worker get what you write; the others get it later, or not at all.',
  )
}

function note(text, worker) {
  write(at('log'), text, ...(worker === undefined ? [] : [badge(worker)])).className = 'empty'
}
