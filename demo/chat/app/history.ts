// The last messages of every room that have reached this worker.
import type { Message } from './events.ts'

export interface HistoryLimits {
  /** Messages kept per room. */
  perRoom: number
  /** Rooms kept; the room without a new message for the longest time is dropped first. */
  rooms: number
  /** Message ids kept, to recognise a message that arrives twice. */
  ids: number
}

export class History {
  readonly #limits: HistoryLimits
  readonly #rooms = new Map<string, Message[]>()
  readonly #ids = new Set<string>()

  constructor(limits: HistoryLimits = { perRoom: 50, rooms: 100, ids: 10_000 }) {
    this.#limits = limits
  }

  /** @returns whether the message is new and recent enough to be kept */
  add(message: Message): boolean {
    if (this.#ids.has(message.id)) return false
    this.#ids.add(message.id)
    trim(this.#ids, this.#limits.ids)
    // Messages are sorted by time, so that their order is the same in every worker.
    const messages = [...this.of(message.room), message].sort(byTime).slice(-this.#limits.perRoom)
    this.#rooms.delete(message.room)
    this.#rooms.set(message.room, messages)
    trim(this.#rooms, this.#limits.rooms)
    return messages.includes(message)
  }

  /** Oldest first. */
  of(room: string): readonly Message[] {
    return this.#rooms.get(room) ?? []
  }

  all(): Message[] {
    return [...this.#rooms.values()].flat()
  }
}

function byTime(a: Message, b: Message): number {
  return a.at - b.at || (a.id < b.id ? -1 : 1)
}

/** Sets and maps keep the order of insertion. */
function trim(collection: Set<string> | Map<string, unknown>, size: number): void {
  for (const key of collection.keys()) {
    if (collection.size <= size) return
    collection.delete(key)
  }
}
