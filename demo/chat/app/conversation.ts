// A message reaches every tab of its room and the history in every worker.
//
// There is no shared store. A message travels between the workers as one event, and each worker delivers it to its own
// tabs, so every worker sees all messages and keeps the last ones of all rooms. A worker that was away (it crashed, or
// lost Redis) gets the history of another worker as soon as the two exchange reports again, see crew.ts. Messages have
// an id and are kept once, so a message that arrives twice does no harm. That is enough for the last fifty lines of a
// chat; an application that must not lose a message needs a database.
import type { ChatServer, Message, Tab } from './events.ts'
import { History } from './history.ts'

export class Conversation {
  readonly #io: ChatServer
  readonly #history = new History()

  /** @param uid - id of this process for the other workers */
  constructor(io: ChatServer, uid: string) {
    this.#io = io
    io.on('said', (message) => this.#take(message))
    io.on('memory', (to, messages) => {
      if (to === uid) for (const message of messages) this.#take(message)
    })
  }

  /** @param from - the tab that wrote the message, and does not get it back */
  say(message: Message, from: Tab): void {
    if (!this.#history.add(message)) return // a tab sends again when it did not get the answer
    this.#io.local.to(channelOf(message.room)).except(from.id).emit('message', message)
    this.#io.serverSideEmit('said', message)
  }

  of(room: string): Message[] {
    return [...this.#history.of(room)]
  }

  /** Sends the history of this worker to another worker. */
  remind(uid: string): void {
    const messages = this.#history.all()
    if (messages.length > 0) this.#io.serverSideEmit('memory', uid, messages)
  }

  #take(message: Message): void {
    if (this.#history.add(message)) this.#io.local.to(channelOf(message.room)).emit('message', message)
  }
}

/**
 * The Socket.IO room of a chat room. The prefix keeps it apart from the rooms that Socket.IO names after socket ids.
 */
export function channelOf(room: string): string {
  return `room ${room}`
}
