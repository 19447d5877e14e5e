// The page: it connects, enters a room, and passes each event to the part that shows it.
// oxlint-disable-next-line import/no-absolute-path -- that is where Socket.IO serves its client
import { io, WebSocket } from '/socket.io/socket.io.esm.min.js'
import { paintBadge, paintIcon } from './badge.js'
import { Banner } from './banner.js'
import { drawBackplane, drawRooms, drawWorkers } from './crew.js'
import { setUpDialog } from './dialog.js'
import { Log } from './log.js'
import { drawOthers, drawTabsOn } from './others.js'
import { Outbox } from './outbox.js'
import { setUpPanels } from './panels.js'
import { People } from './people.js'
import { countingPolling, drawServed } from './served.js'
import { setUpComposer } from './composer.js'
import { Typing } from './typing.js'
import { key, makeId, nickname, roomInAddress } from './visitor.js'
import { connectOptions } from './wish.js'

const at = (id) => document.getElementById(id)
const { dataset } = document.body

/** State of this tab. `room` is undefined until the tab is in a room. */
const me = { name: nickname.get(), wanted: roomInAddress.get() || 'lobby', room: undefined, person: undefined }
let welcome
let crew
let unread = 0

const transports = { polling: countingPolling(at('refused')), websocket: WebSocket }
const socket = io({ auth: { key }, reconnectionDelay: 200, reconnectionDelayMax: 1_500, ...connectOptions(transports) })
const banner = new Banner(at('banner'))
const log = new Log(at('log'), at('to-end'), () => me.person)
const typing = new Typing(at('typing'), () => socket.connected && socket.volatile.emit('typing'))
const people = new People(at('people'), () => me.person, {
  came: (name) => log.notice(`${name} has come in`),
  left: (name) => log.notice(`${name} has left`),
  changed: (count) => setCount('people', count),
})
const outbox = new Outbox((message, time) => request('say', { id: message.id, text: message.text }, time), {
  confirmed: (message) => log.show(message),
  refused: (id, reason) => log.refuse(id, reason),
})
const dialog = setUpDialog({
  enter(name, room) {
    // Without a connection the choice is kept, and the next connection enters the room.
    if (me.room === undefined) Object.assign(me, { name, wanted: room })
    return join({ name, room })
  },
})

// --- the connection

socket.on('welcome', (news) => {
  const before = welcome
  welcome = news
  me.person = news.person
  paintBadge(at('my-badge'), news.worker.id)
  at('my-worker').textContent = `worker ${news.worker.id}`
  at('my-pid').textContent = `pid ${news.worker.pid}`
  at('my-address').textContent = `you are ${news.address}`
  Object.assign(dataset, { connected: 'true', worker: String(news.worker.id), pid: String(news.worker.pid) })
  paintIcon(news.worker.id, at('my-badge'))
  drawWays(me.wanted)
  at('kill').disabled = !news.mayKill
  if (!news.mayKill) at('kill-hint').textContent = 'Only a browser on this machine may kill a worker.'
  if (before !== undefined) banner.good(`Back on worker ${news.worker.id}${newProcess(before.worker, news.worker)}.`)
  else banner.hide()
  if (me.name === undefined) dialog.open({ room: me.wanted })
  else void join({ name: me.name, room: me.wanted })
})
socket.on('disconnect', () => {
  Object.assign(dataset, { connected: 'false', disconnects: String(Number(dataset.disconnects) + 1) })
  at('kill').disabled = true
  me.room = undefined
  typing.clear()
  sayOffline()
})
socket.on('connect_error', () => sayOffline())
socket.io.on('open', () => {
  const { engine } = socket.io
  dataset.transport = engine.transport.name
  engine.once('upgrade', ({ name }) => (dataset.transport = name))
})
// The tab leaves on purpose, so that the others do not wait for it to come back.
addEventListener('pagehide', () => socket.disconnect())
addEventListener('pageshow', ({ persisted }) => persisted && socket.connect())

// --- the room

async function join({ name, room }) {
  const reply = await request('join', { name, room }, 5_000)
  if (reply === undefined) return undefined // the next 'welcome' enters the room
  if (!reply.ok) {
    if (me.room === undefined) dialog.open({ room, problem: reply.reason })
    return reply.reason
  }
  const isOther = dataset.room !== reply.room
  Object.assign(me, { name: reply.name, room: reply.room, wanted: reply.room })
  dataset.room = reply.room
  nickname.set(reply.name)
  roomInAddress.set(reply.room)
  at('room-name').textContent = `# ${reply.room}`
  if (isOther) {
    log.clear()
    people.clear()
    typing.clear()
  }
  for (const message of reply.messages) arrived(message)
  drawWays(reply.room)
  drawCrew()
  setTitle()
  void outbox.flush()
  return undefined
}

function arrived(message) {
  if (message.room !== me.room) return
  outbox.settle(message.id)
  typing.hide(message.person)
  if (!log.show(message) || !document.hidden) return
  unread++
  setTitle()
}

/** @returns the answer; undefined without a connection, or without an answer in time */
async function request(event, data, time) {
  // Without a connection nothing is sent: the outbox keeps the message, and Socket.IO's own buffer would send it twice.
  if (!socket.connected || (event === 'say' && me.room === undefined)) return undefined
  try {
    return await socket.timeout(time).emitWithAck(event, data)
  } catch {
    return undefined
  }
}

async function changeRoom(room) {
  // Unsent messages belong to the room in which they were written.
  if (!socket.connected || outbox.size > 0) return 'The room can be changed when everything is sent.'
  return join({ name: me.name, room })
}

socket.on('message', arrived)
socket.on('people', (room, list) => room === me.room && people.update(list))
socket.on('left', (room, person) => room === me.room && people.remove(person))
socket.on('typing', (room, person, name) => room === me.room && typing.show(person, name))
socket.on('crew', (news) => {
  crew = news
  drawCrew()
})
addEventListener('hashchange', () => void followAddress())
at('room-form').addEventListener('submit', (event) => {
  event.preventDefault()
  void enterTyped(at('room-input'))
})

async function followAddress() {
  const room = roomInAddress.get()
  if (room === '' || room === me.room || me.name === undefined) return
  const problem = await changeRoom(room)
  if (problem === undefined) return
  roomInAddress.set(me.room ?? me.wanted)
  log.notice(problem)
}

async function enterTyped(input) {
  if (input.value.trim() === '') return
  const problem = await changeRoom(input.value)
  if (problem === undefined) input.value = ''
  else log.notice(problem)
}

// --- actions of this tab

setUpComposer(at('composer'), at('text'), {
  typed: () => typing.typed(),
  submit(text) {
    const message = { id: makeId(), text, person: me.person, name: me.name, at: Date.now() }
    log.showOwn(message)
    typing.sent()
    outbox.add(message)
    if (!socket.connected) sayOffline()
  },
})
at('kill').addEventListener('click', () => {
  at('kill').disabled = true
  socket.emit('kill-worker', (reply) => log.notice(reply.reason))
})
at('rename').addEventListener('click', () => dialog.open({ name: me.name, room: me.room ?? me.wanted, mayClose: true }))
setUpPanels({ room: at('show-room'), crew: at('show-crew') })
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return
  unread = 0
  setTitle()
})
sayOffline()

// --- texts in several places

function sayOffline() {
  const { size } = outbox
  const waiting = size === 0 ? '' : ` ${size} ${size === 1 ? 'message waits' : 'messages wait'} and will be sent.`
  banner.bad(welcome === undefined ? 'Connecting…' : `The connection is lost, trying again…${waiting}`)
}

function drawCrew() {
  if (crew === undefined) return
  drawWorkers(at('workers'), crew.workers, welcome?.worker)
  drawRooms(at('rooms'), crew.rooms, me.room)
  drawTabsOn(at('tabs-on'), crew.workers, me.wanted)
  drawBackplane(at('backplane'), crew.backplane)
  setCount('workers', crew.workers.filter(({ away }) => !away).length)
}

function drawWays(room) {
  drawServed({ by: at('by'), transport: at('transport'), hint: at('by-hint') }, welcome, room)
  drawOthers(at('others'), welcome, room)
}

function setCount(what, count) {
  for (const place of document.querySelectorAll(`[data-count='${what}']`)) place.textContent = String(count)
}

function setTitle() {
  const news = unread === 0 ? '' : `(${unread}) `
  document.title = `${news}${me.room ?? 'Holdfast'}, worker ${welcome?.worker.id ?? '?'}`
}

function newProcess(before, now) {
  return before.pid === now.pid ? '' : `, a new process: pid ${before.pid} is now ${now.pid}`
}
