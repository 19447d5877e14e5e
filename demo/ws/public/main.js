// Connects, enters the room, and writes down what is said there.
import { write } from './log.js'
import { badge, drawOthers, paintWho } from './shared.js'

const at = (id) => document.getElementById(id)
const ways = { ipc: 'through the primary', redis: 'through Redis', local: 'of this one process' }

/** Milliseconds until the next attempt. */
const AGAIN = 500

let socket
let isLost = false
/** Whether the other workers can be reached. */
let others = true
/** To be in, also after a lost connection. */
let wanted = at('room').value
let self
/** Sent from here and not heard: where the connection is lost, nobody may have heard it. */
let unheard = []
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
  unheard.push(text)
  at('text').value = ''
})
await drawOthers(at('others'))

function connect() {
  socket = new WebSocket(`ws://${location.host}/`)
  socket.addEventListener('open', () => enter())
  socket.addEventListener('message', ({ data }) => hear(JSON.parse(data)))
  socket.addEventListener('close', () => {
    mayWrite(false)
    if (!isLost) lose()
    setTimeout(connect, AGAIN)
  })
}

/** Told once, however many attempts it takes. */
function lose() {
  isLost = true
  at('who').textContent = 'connecting …'
  note('The connection is lost, trying again … What you write stays in the field.')
  at('text').value = [...unheard, at('text').value].filter((text) => text !== '').join(' ')
  unheard = []
}

function enter() {
  socket.send(JSON.stringify({ type: 'enter', room: wanted }))
}

function mayWrite(isOpen) {
  for (const button of document.querySelectorAll('form button')) button.disabled = !isOpen
}

function hear({ type, worker, pid, bus, room, text, others: areThere }) {
  if (type === 'welcome') {
    self = worker
    paintWho(at('who'), { worker, pid })
    at('bus').textContent = `over the bus ${ways[bus]}`
  }
  if (type === 'reach' && areThere !== others) tellOfOthers(areThere)
  if (type === 'entered') {
    isLost = false
    mayWrite(true)
    note(`You are in ${room}.`)
  }
  if (type === 'came') note('Somebody has come in, served by', worker)
  if (type === 'said') {
    if (worker === self) unheard = unheard.filter((own) => own !== text)
    write(at('log'), badge(worker), text)
  }
}

function tellOfOthers(areThere) {
  others = areThere
  note(
    others
      ? 'The other workers can be reached again.'
      : 'Other workers cannot be reached for now. Those on this worker hear you; the others later, or not at all.',
  )
}

function note(text, worker) {
  write(at('log'), text, ...(worker === undefined ? [] : [badge(worker)])).className = 'empty'
}
