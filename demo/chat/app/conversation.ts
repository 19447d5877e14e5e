// What is said reaches every tab of the room and every worker's memory.
//
// There is no shared store: every worker keeps the last messages of all rooms, which it gets anyway, because a message
// travels as one event between workers and each of them delivers it to its own tabs. A worker that was away (crashed,
// or cut off from Redis) is given the others' memory as soon as both hear each other again, see crew.ts. Messages have
// an id and are kept once, so it does no harm if several give, or if something comes twice. That is enough for the last
// fifty lines of a chat; whoever must not lose a message needs a database.
import type { ChatServer, Message, Tab } from './events.ts'
import { History } from './history.ts'

export class Conversation {
  readonly #io: ChatServer
  readonly #history = new History()

  /** @param uid - this process, as the others know it */
  constructor(io: ChatServer, uid: string) {
    this.#io = io
    io.on('said', (message) => this.#take(message))
    io.on('memory', (to, messages) => {
      if (to === uid) for (const message of messages) this.#take(message)
    })
  }

  /** @param from - knows it already */
  say(message: Message, from: Tab): void {
    if (!this.#history.add(message)) return // sent again by a tab that did not get the answer
    this.#io.local.to(channelOf(message.room)).except(from.id).emit('message', message)
    this.#io.serverSideEmit('said', message)
  }

  of(room: string): Message[] {
    return [...this.#history.of(room)]
  }

  /** Gives all that is remembered here to another worker. */
  remind(uid: string): void {
    const messages = this.#history.all()
    if (messages.length > 0) this.#io.serverSideEmit('memory', uid, messages)
  }

  #take(message: Message): void {
    if (this.#history.add(message)) this.#io.local.to(channelOf(message.room)).emit('message', message)
  }
}

/** The Socket.IO room of a chat room; sockets have rooms named after their own ids, which nobody shall enter. */
export function channelOf(room: string): string {
  return `room ${room}`
}
