// Who is in a room, asked from all workers each time: a counter of one's own would miss what happens to the others.
import { channelOf } from './conversation.ts'
import type { ChatServer, Person, TabData } from './events.ts'

/** Milliseconds that the other workers have for an answer. */
const TIMEOUT = 1_000

export class Presence {
  readonly #io: ChatServer
  readonly #key: string
  /** What the last successful question gave. */
  readonly #known = new Map<string, TabData[]>()
  readonly #asking = new Map<string, 'once' | 'again'>()
  readonly #unsure = new Set<string>()

  /** @param key - this worker, as the others know it */
  constructor(io: ChatServer, key: string) {
    this.#io = io
    this.#key = key
    io.on('moved', (room) => this.#refresh(room))
  }

  /** Somebody here came or went. */
  moved(room: string): void {
    this.#io.serverSideEmit('moved', room)
    this.#refresh(room)
  }

  /** Asks for every room that has somebody here: workers came or went. */
  refreshAll(): void {
    for (const room of this.rooms()) this.#refresh(room)
  }

  /** Asks again where the last question was not answered. */
  retry(): void {
    for (const room of this.#unsure) this.#refresh(room)
  }

  /** The rooms that have somebody here. */
  rooms(): string[] {
    const rooms = [...this.#io.sockets.sockets.values()].map((tab) => tab.data.room)
    return [...new Set(rooms)].filter((room) => room !== undefined)
  }

  #refresh(room: string): void {
    // One question at a time, and one more if something happened meanwhile.
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
    this.#unsure.delete(room)
    if (!this.rooms().includes(room)) return void this.#known.delete(room)
    const here = async () => (await this.#io.local.in(channel).fetchSockets()).map((tab) => tab.data)
    try {
      const tabs = await this.#io.in(channel).timeout(TIMEOUT).fetchSockets()
      this.#known.set(
        room,
        tabs.map((tab) => tab.data),
      )
    } catch {
      // Redis is away, or a worker does not answer: the others' last known people stay, ours are known.
      const others = (this.#known.get(room) ?? []).filter((tab) => tab.key !== this.#key)
      this.#known.set(room, [...(await here()), ...others])
      this.#unsure.add(room)
    }
    const people = (this.#known.get(room) ?? []).map(({ person, name, worker }): Person => ({ person, name, worker }))
    this.#io.local.to(channel).emit('people', room, people)
  }
}
