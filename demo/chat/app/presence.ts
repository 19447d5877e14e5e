// The members of a room. Each time all workers are asked: a local count would miss a member whose worker was killed.
import { channelOf } from './conversation.ts'
import type { ChatServer, Person, TabData } from './events.ts'

/** Milliseconds that the other workers have for an answer. */
const TIMEOUT = 1_000

export class Presence {
  readonly #io: ChatServer
  readonly #key: string
  /** Result of the last successful query, by room. */
  readonly #known = new Map<string, TabData[]>()
  readonly #asking = new Map<string, 'once' | 'again'>()
  readonly #failed = new Set<string>()

  /** @param key - name of this worker for the other workers */
  constructor(io: ChatServer, key: string) {
    this.#io = io
    this.#key = key
    io.on('moved', (room) => this.#refresh(room))
  }

  /** A tab of this worker entered or left the room. */
  moved(room: string): void {
    this.#io.serverSideEmit('moved', room)
    this.#refresh(room)
  }

  /** Asks again for all rooms with tabs of this worker, because workers came or went. */
  refreshAll(): void {
    for (const room of this.rooms()) this.#refresh(room)
  }

  /** Asks again for the rooms whose last query failed. */
  retry(): void {
    for (const room of this.#failed) this.#refresh(room)
  }

  /** The rooms with tabs of this worker. */
  rooms(): string[] {
    const rooms = [...this.#io.sockets.sockets.values()].map((tab) => tab.data.room)
    return [...new Set(rooms)].filter((room) => room !== undefined)
  }

  #refresh(room: string): void {
    // One query per room at a time, and one more if the room changed meanwhile.
    if (this.#asking.has(room)) return void this.#asking.set(room, 'again')
    this.#asking.set(room, 'once')
    void this.#ask(room).finally(() => {
      const again = this.#asking.get(room) === 'again'
      this.#asking.delete(room)
      if (again) this.#refresh(room)
    })
  }

  async #ask(room: string): Promise<void> {
    const channel = channelOf(room)
    this.#failed.delete(room)
    if (!this.rooms().includes(room)) return void this.#known.delete(room)
    const here = async () => (await this.#io.local.in(channel).fetchSockets()).map((tab) => tab.data)
    try {
      const tabs = await this.#io.in(channel).timeout(TIMEOUT).fetchSockets()
      this.#known.set(
        room,
        tabs.map((tab) => tab.data),
      )
    } catch {
      // Redis is away, or a worker does not answer. The last known members of other workers stay.
      const others = (this.#known.get(room) ?? []).filter((tab) => tab.key !== this.#key)
      this.#known.set(room, [...(await here()), ...others])
      this.#failed.add(room)
    }
    const people = (this.#known.get(room) ?? []).map(({ person, name, worker }): Person => ({ person, name, worker }))
    this.#io.local.to(channel).emit('people', room, people)
  }
}
