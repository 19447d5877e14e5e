// Which slot sockets one worker process has, and the messages that give and take them.
import type { WorkerChannel } from '../../ipc/channel.ts'
import { FRAME, MORE_SIZE, type PrimaryLink } from '../../transport/descriptor-link.ts'
import { nextBatch } from '../../transport/metadata.ts'
import { MAX_DESCRIPTORS } from '../../native/scm-rights.ts'
import type { AcceptedConnection, Endpoint } from '../../transport/transport.ts'

export interface SlotLinkEvents {
  /** The process no longer listens on these. */
  released(slots: readonly number[]): void
  /** The process had no descriptors left for these. */
  refused(slots: readonly number[]): void
  gone(): void
}

interface Given {
  last: number
  slots: readonly number[]
  connection?: AcceptedConnection
}

/** The primary's view of one process in kernel steering. */
export class SlotLink {
  readonly worker: number
  /** No more slots for this one: it is to finish. */
  retired = false
  readonly #channel: WorkerChannel
  readonly #link: PrimaryLink
  readonly #removeHandler: () => void
  readonly #events: SlotLinkEvents
  /** Given and not yet confirmed, in the order of sending. */
  readonly #given: Given[] = []
  /** Connections for which there was no room. */
  readonly #waiting: AcceptedConnection[] = []
  readonly #held = new Set<number>()
  readonly #dropping = new Set<number>()
  #next = 0
  #ended = false
  #askedAt: number | undefined

  constructor(worker: number, channel: WorkerChannel, endpoint: Endpoint, events: SlotLinkEvents) {
    if (endpoint.link === undefined) throw new Error('kernel steering needs the descriptor channel')
    this.worker = worker
    this.#channel = channel
    this.#events = events
    this.#link = endpoint.link({ received: (seq, lost) => this.#received(seq, lost), gone: () => events.gone() })
    this.#removeHandler = channel.on('slots-released', ({ slots }) => this.#dropped(slots))
  }

  get idle(): boolean {
    return this.#given.length === 0 && this.#waiting.length === 0 && this.#held.size === 0
  }

  /** Connections that it has not confirmed. */
  get pending(): number {
    return this.#waiting.length + this.#given.filter(({ connection }) => connection !== undefined).length
  }

  /** Whether it was asked for the slot and has not answered: what it is given meanwhile could overtake the question. */
  isAsked(slot: number): boolean {
    return this.#dropping.has(slot)
  }

  /** @returns whether they went out; false: try again later */
  give(slots: readonly number[], sockets: readonly number[]): boolean {
    for (let i = 0; i < slots.length; i += MAX_DESCRIPTORS) {
      const some = slots.slice(i, i + MAX_DESCRIPTORS)
      const descriptors = some.map((slot) => sockets[slot] ?? -1)
      const more = Buffer.from(Uint16Array.from(some).buffer)
      if (!this.#link.send(FRAME.listeners, this.#next, descriptors, more)) {
        this.#events.refused(slots.slice(i))
        return false
      }
      this.#next = (this.#next + some.length) >>> 0
      this.#given.push({ last: (this.#next - 1) >>> 0, slots: some })
    }
    return true
  }

  /** Passes on one connection, as soon as there is room for it, and closes it here once it has arrived. */
  pass(connection: AcceptedConnection): void {
    this.#waiting.push(connection)
    this.flush()
  }

  /** To be called now and then: passes on what did not go out at once. */
  flush(): void {
    let connection: AcceptedConnection | undefined
    while ((connection = this.#waiting[0]) !== undefined) {
      const { more } = nextBatch([connection], 1, MORE_SIZE)
      if (!this.#link.send(FRAME.connections, this.#next, [connection.fd], more)) return
      this.#waiting.shift()
      this.#given.push({ last: this.#next, slots: [], connection })
      this.#next = (this.#next + 1) >>> 0
    }
  }

  /**
   * Asks for slots back; those still on their way there are asked for once they have arrived.
   *
   * @param final - nobody else will serve what waits in their queues
   */
  take(slots: readonly number[], final = false): void {
    const some = slots.filter((slot) => this.#held.has(slot) && !this.#dropping.has(slot))
    if (some.length === 0) return
    for (const slot of some) this.#dropping.add(slot)
    this.#channel.send({ type: 'release-slots', slots: some, acceptQueued: final })
  }

  /** Asks for a sign of life, unless an answer is owed already. */
  ask(now: number): void {
    if (this.#askedAt !== undefined) return
    this.#askedAt = now
    this.#link.probe()
  }

  /** Milliseconds that the process has owed an answer; 0 while it owes none. */
  silence(now: number): number {
    return this.#askedAt === undefined ? 0 : now - this.#askedAt
  }

  /** Tells the process that no slot will follow, once, where it is to finish and has none left. */
  endIfIdle(): void {
    if (!this.retired || !this.idle) return
    if (!this.#ended) this.#link.end()
    this.#ended = true
  }

  /** @returns the connections that the process has not got */
  close(): AcceptedConnection[] {
    this.#removeHandler()
    this.#link.close()
    return [...this.#given.flatMap(({ connection }) => connection ?? []), ...this.#waiting]
  }

  #received(seq: number, lost: number): void {
    this.#askedAt = undefined
    let refused: number[] = []
    while (this.#given[0] !== undefined && (seq - this.#given[0].last) >>> 0 < 0x80000000) {
      const { last, slots, connection } = this.#given.shift() as Given
      // Also where the process had no descriptor left for it: its client connects again.
      connection?.close()
      const arrived = last === seq ? slots.length - lost : slots.length
      for (const slot of slots.slice(0, arrived)) this.#held.add(slot)
      refused = [...refused, ...slots.slice(arrived)]
    }
    this.flush()
    if (refused.length > 0) this.#events.refused(refused)
    else this.#events.released([])
  }

  #dropped(slots: readonly number[]): void {
    for (const slot of slots) {
      this.#held.delete(slot)
      this.#dropping.delete(slot)
    }
    this.#events.released(slots)
  }
}
