// The other workers, as far as this one hears of them. Pure: time comes in.
import type { Report, WorkerRow } from './events.ts'

/** Milliseconds without a report after which a worker is away: three beats. */
const SILENT = 3_000
/** Milliseconds after which it is forgotten. */
const GONE = 60_000

interface Peer {
  report: Report
  /** When it was heard last; undefined: not since we were cut off. */
  at: number | undefined
  since: number
  /** Both hear each other. */
  linked: boolean
}

export class Peers {
  readonly #uid: string
  readonly #now: () => number
  readonly #peers = new Map<string, Peer>()

  /** @param uid - this process */
  constructor(uid: string, now: () => number = () => performance.now()) {
    this.#uid = uid
    this.#now = now
  }

  /** @returns appeared: not heard before, or not lately. linked: from now on both hear each other */
  hear(report: Report): { appeared: boolean; linked: boolean } {
    const before = this.#peers.get(report.key)
    const known = before !== undefined && before.report.uid === report.uid && this.#isPresent(before)
    const linked = report.hears.includes(this.#uid)
    const now = this.#now()
    this.#peers.set(report.key, { report, at: now, since: now, linked })
    return { appeared: !known, linked: linked && !(known && before.linked) }
  }

  /** We were cut off: nobody is heard any more, until they are heard again. */
  forgetLinks(): void {
    for (const peer of this.#peers.values()) Object.assign(peer, { at: undefined, linked: false })
  }

  /** The processes that are heard. */
  hears(): string[] {
    return this.#present().map(({ report }) => report.uid)
  }

  rooms(): string[] {
    return this.#present().flatMap(({ report }) => report.rooms)
  }

  rows(): WorkerRow[] {
    const now = this.#now()
    for (const [key, { since }] of this.#peers) if (now - since > GONE) this.#peers.delete(key)
    return [...this.#peers.values()].map((peer) => {
      const { id, pid, clients, uptime, restarts } = peer.report
      return { id, pid, clients, uptime, restarts, away: !this.#isPresent(peer) }
    })
  }

  #present(): Peer[] {
    return [...this.#peers.values()].filter((peer) => this.#isPresent(peer))
  }

  #isPresent({ at }: Peer): boolean {
    return at !== undefined && this.#now() - at <= SILENT
  }
}
