// The other workers, as known from their reports. The class has no timers; the clock is a parameter.
import type { Report, WorkerRow } from './events.ts'

/** Milliseconds without a report after which a worker is away: three beats. */
const SILENT = 3_000
/** Milliseconds without a report after which a worker is removed from the table. */
const GONE = 60_000

interface Peer {
  report: Report
  /** Time of the last report; undefined: no report since this worker was cut off. */
  at: number | undefined
  since: number
  /** Both workers get each other's reports. */
  linked: boolean
}

export class Peers {
  readonly #uid: string
  readonly #now: () => number
  readonly #peers = new Map<string, Peer>()

  /** @param uid - id of this process */
  constructor(uid: string, now: () => number = () => performance.now()) {
    this.#uid = uid
    this.#now = now
  }

  /** @returns appeared: the worker is new or was away. linked: from now on both workers get each other's reports. */
  hear(report: Report): { appeared: boolean; linked: boolean } {
    const before = this.#peers.get(report.key)
    const known = before !== undefined && before.report.uid === report.uid && this.#isPresent(before)
    const linked = report.hears.includes(this.#uid)
    const now = this.#now()
    this.#peers.set(report.key, { report, at: now, since: now, linked })
    return { appeared: !known, linked: linked && !(known && before.linked) }
  }

  /** This worker was cut off: all others count as away until their next report. */
  forgetLinks(): void {
    for (const peer of this.#peers.values()) Object.assign(peer, { at: undefined, linked: false })
  }

  /** The uids of the processes whose reports arrive. */
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
