// Connects, enters the room, and writes down what is said there.
import { badge, drawOthers, paintWho } from './shared.js'

const at = (id) => document.getElementById(id)
const ways = { ipc: 'through the primary', redis: 'through Redis', local: 'of this one process' }

/** Lines that are kept. */
const KEPT = 50
/** Milliseconds until the next attempt. */
const AGAIN = 500

let socket
connect()
at('enter').addEventListener('submit', (event) => {
  event.preventDefault()
  enter()
})
at('say').addEventListener('submit', (event) => {
  event.preventDefault()
  socket.send(JSON.stringify({ type: 'say', text: at('text').value }))
  at('text').value = ''
})
await drawOthers(at('others'))

function connect() {
  socket = new WebSocket(`ws://${location.host}/`)
  socket.addEventListener('open', () => enter())
  socket.addEventListener('message', ({ data }) => hear(JSON.parse(data)))
  socket.addEventListener('close', () => {
    at('who').textContent = 'connecting …'
    setTimeout(connect, AGAIN)
  })
}

function enter() {
  socket.send(JSON.stringify({ type: 'enter', room: at('room').value }))
}

function hear({ type, worker, pid, bus, room, text }) {
  if (type === 'welcome') {
    paintWho(at('who'), { worker, pid })
    at('bus').textContent = `over the bus ${ways[bus]}`
  }
  if (type === 'entered') note(`You are in ${room}.`)
  if (type === 'came') note('Somebody has come in, served by', worker)
  if (type === 'said') write(badge(worker), text)
}

function note(text, worker) {
  write(text, ...(worker === undefined ? [] : [badge(worker)])).className = 'empty'
}

function write(...parts) {
  const line = document.createElement('li')
  line.append(...parts.map((part) => (typeof part === 'string' ? span(part) : part)))
  at('log').append(line)
  if (at('log').children.length > KEPT) at('log').firstChild.remove()
  return line
}

function span(text) {
  const element = document.createElement('span')
  element.textContent = text
  return element
}
