// The requests of one tab and their answers. Data from a browser has the type unknown until it is checked.
import { createHash, randomBytes } from 'node:crypto'
import { channelOf, type Conversation } from './conversation.ts'
import type { Self, WorkerReports } from './crew.ts'
import type { Ack, ChosenBy, Message, Problem, Reply, Tab } from './events.ts'
import { checkName, checkRoom, checkText, isId } from './limits.ts'
import type { Presence } from './presence.ts'
import { addressOf, isLocalUser, otherHosts } from '../../support/same-machine.ts'
import { tokenBucket } from './token-bucket.ts'

export interface Parts {
  self: Self
  conversation: Conversation
  presence: Presence
  crew: WorkerReports
  chosenBy: ChosenBy
}

export function serveTab(tab: Tab, { self, conversation, presence, crew, chosenBy }: Parts): void {
  const { request } = tab
  const mayKill = isLocalUser(request)
  const mayChange = tokenBucket(10, 5)
  const mayType = tokenBucket(3, 1)
  const { data } = tab
  Object.assign(data, { person: personOf(tab), name: '', room: undefined, worker: self.id, key: self.key })

  tab.emit('welcome', {
    worker: { id: self.id, pid: process.pid },
    person: data.person,
    address: addressOf(request),
    chosenBy,
    mayKill,
    otherHosts: otherHosts(request),
  })
  tab.emit('crew', crew.state())

  tab.on('join', (input, ack) => {
    if (isRefused(mayChange, ack)) return
    const name = checkName(read(input, 'name'))
    if ('reason' in name) return refuse(ack, 'bad-name', name.reason)
    const room = checkRoom(read(input, 'room'))
    if ('reason' in room) return refuse(ack, 'bad-room', room.reason)
    if (data.room !== undefined && data.room !== room.value) leave()
    Object.assign(data, { name: name.value, room: room.value })
    void tab.join(channelOf(room.value))
    answer(ack, { ok: true, name: name.value, room: room.value, messages: conversation.of(room.value) })
    presence.moved(room.value)
  })

  tab.on('say', (input, ack) => {
    if (isRefused(mayChange, ack)) return
    const { room, person, name } = data
    if (room === undefined) return refuse(ack, 'not-in-a-room', 'Enter a room first.')
    const id = read(input, 'id')
    if (!isId(id)) return refuse(ack, 'bad-message', 'The message has no proper id.')
    const text = checkText(read(input, 'text'))
    if ('reason' in text) return refuse(ack, 'bad-message', text.reason)
    const message: Message = { id, room, text: text.value, person, name, worker: self.id, at: Date.now() }
    conversation.say(message, tab)
    answer(ack, { ok: true, message })
  })

  tab.on('typing', () => {
    const { room, person, name } = data
    // The event is volatile: it is out of date when a slow connection delays it.
    if (room !== undefined && mayType() === 0) tab.to(channelOf(room)).volatile.emit('typing', room, person, name)
  })

  tab.on('kill-worker', (ack) => {
    if (!mayKill) return refuse(ack, 'not-allowed', 'Only a browser on this machine may kill a worker.')
    process.kill(process.pid, 'SIGKILL')
  })

  tab.on('disconnect', (reason) => {
    const { room } = data
    if (room === undefined) return
    // Any other reason is a lost connection. The tab may come back in a moment, so it has not left yet.
    if (reason === 'client namespace disconnect') leave()
    else presence.moved(room)
  })

  function leave(): void {
    const { room } = data
    if (room === undefined) return
    void tab.leave(channelOf(room))
    data.room = undefined
    tab.nsp.to(channelOf(room)).emit('left', room, data.person)
    presence.moved(room)
  }
}

/** Public name of a tab: the hash of its secret key, so that the name stays the same after a reconnection. */
function personOf(tab: Tab): string {
  const key: unknown = tab.handshake.auth['key']
  return createHash('sha256')
    .update(isId(key) ? key : randomBytes(16))
    .digest('hex')
    .slice(0, 16)
}

function isRefused(mayChange: () => number, ack: unknown): boolean {
  const retryAfter = mayChange()
  if (retryAfter > 0) refuse(ack, 'too-fast', 'That is more than five messages a second.', retryAfter)
  return retryAfter > 0
}

function refuse(ack: unknown, problem: Problem, reason: string, retryAfter?: number): void {
  answer(ack, { ok: false, problem, reason, ...(retryAfter === undefined ? {} : { retryAfter }) })
}

function answer<T>(ack: unknown, reply: Reply<T>): void {
  if (typeof ack === 'function') (ack as Ack<T>)(reply)
}

function read(input: unknown, field: string): unknown {
  return typeof input === 'object' && input !== null ? Reflect.get(input, field) : undefined
}
