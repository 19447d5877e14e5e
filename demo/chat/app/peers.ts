// The other processes, as known from their reports, and the table of workers. In a reload two processes serve as one
// worker for a while. The class has no timers; the clock is a parameter.
import type { Report, WorkerRow } from './events.ts'

/** Milliseconds without a report after which a process is away: three beats. */
const SILENT = 3_000
/** Milliseconds without a report after which a worker is removed from the table. */
const GONE = 60_000

interface Peer {
  report: Report
  /** Time of the last report; undefined: no report since this worker was cut off. */
  at: number | undefined
  since: number
  /** Both processes get each other's reports. */
  linked: boolean
}

/** What this process says of itself for the table. */
export interface OwnRow extends WorkerRow {
  /** Name of the worker across restarts. */
  key: string
}

export class Peers {
  readonly #uid: string
  readonly #now: () => number
  /** By uid. */
  readonly #peers = new Map<string, Peer>()

  /** @param uid - id of this process */
  constructor(uid: string, now: () => number = () => performance.now()) {
    this.#uid = uid
    this.#now = now
  }

  /** @returns appeared: the worker is new or was away. linked: from now on both workers get each other's reports. */
  hear(report: Report): { appeared: boolean; linked: boolean } {
    const before = this.#peers.get(report.uid)
    const known = before !== undefined && this.#isPresent(before)
    const linked = report.hears.includes(this.#uid)
    const now = this.#now()
    this.#peers.set(report.uid, { report, at: now, since: now, linked })
    // A restart, other than a reload, begins after the end of the process before.
    for (const [uid, { report: other }] of this.#peers) {
      if (other.key === report.key && other.restarts < report.restarts) this.#peers.delete(uid)
    }
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

  /**
   * One row per worker: the newest process that sends reports, with the tabs of all its processes.
   *
   * @param own - of this process, which is the one to show for its worker: the table is for its tabs
   */
  rows(own: OwnRow): WorkerRow[] {
    const now = this.#now()
    const rows = new Map<string, WorkerRow>()
    for (const [uid, peer] of this.#peers) {
      if (now - peer.since > GONE) this.#peers.delete(uid)
      else rows.set(peer.report.key, merged(rowOf(peer.report, !this.#isPresent(peer)), rows.get(peer.report.key)))
    }
    const { key, ...row } = own
    const { clients } = merged(row, rows.get(key))
    rows.set(key, { ...row, clients })
    return [...rows.values()]
  }

  #present(): Peer[] {
    return [...this.#peers.values()].filter((peer) => this.#isPresent(peer))
  }

  #isPresent({ at }: Peer): boolean {
    return at !== undefined && this.#now() - at <= SILENT
  }
}

function rowOf({ id, pid, clients, uptime, restarts }: Report, away: boolean): WorkerRow {
  return { id, pid, clients, uptime, restarts, away }
}

/** One row for two processes of a worker; a process that is away has no tabs any more. */
function merged(row: WorkerRow, other: WorkerRow | undefined): WorkerRow {
  if (other === undefined || (other.away && !row.away)) return row
  if (row.away && !other.away) return other
  const newest = row.uptime < other.uptime ? row : other
  return newest.away ? newest : { ...newest, clients: row.clients + other.clients }
}
