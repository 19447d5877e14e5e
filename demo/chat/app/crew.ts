// Every second each worker sends a report to the other workers, and the table of workers to its tabs. No worker waits
// for the answer of another worker, because that worker may just have been killed.
import type { Backplane } from 'holdfast/socket.io'
import type { ChatServer, Crew, Report, WorkerRow } from './events.ts'
import { Peers } from './peers.ts'

/** Milliseconds between two reports. */
const REPORT_INTERVAL = 1_000
/** Largest number of rooms in the list. */
const MAX_ROOMS = 30

/** This worker. */
export interface Self {
  uid: string
  key: string
  id: number
  restarts: number
}

export interface WorkerReportEvents {
  /** Another worker came, came back or stopped sending reports. */
  changed(): void
  /** This process and that process get each other's reports, for the first time or again. */
  linked(uid: string): void
  /** Called once per second. */
  beat(): void
  /** Returns the rooms with tabs of this worker. */
  rooms(): string[]
}

export class WorkerReports {
  readonly #io: ChatServer
  readonly #backplane: Backplane
  readonly #self: Self
  readonly #events: WorkerReportEvents
  readonly #peers: Peers
  #lost = 0
  #present = ''

  constructor(io: ChatServer, backplane: Backplane, self: Self, events: WorkerReportEvents) {
    this.#io = io
    this.#backplane = backplane
    this.#self = self
    this.#events = events
    this.#peers = new Peers(self.uid)
    io.on('report', (report) => this.#receive(report))
  }

  start(): void {
    this.#report()
    setInterval(() => this.#beat(), REPORT_INTERVAL).unref()
  }

  /** The state that tabs get. */
  state(): Crew {
    const rows = this.#peers.rows({ ...this.#row(), key: this.#self.key })
    const workers = rows.sort((a, b) => a.id - b.id || a.pid - b.pid)
    const rooms = [...new Set([...this.#events.rooms(), ...this.#peers.rooms()])].sort().slice(0, MAX_ROOMS)
    const { kind, connected } = this.#backplane
    return { workers, rooms, backplane: { kind, connected } }
  }

  /** Sends the state to the tabs of this worker. */
  sendState(): void {
    this.#io.local.emit('crew', this.state())
  }

  #beat(): void {
    const { connected, lost } = this.#backplane
    // Messages of the last second were lost in at least one direction. New links make each two workers exchange their
    // histories.
    if (!connected || lost > this.#lost) this.#peers.forgetLinks()
    this.#lost = lost
    this.#report()
    this.#noticeChanges()
    this.#events.beat()
    this.sendState()
  }

  #receive(report: Report): void {
    const { appeared, linked } = this.#peers.hear(report)
    // The answer goes out at once, so that a new worker does not wait for the next second.
    if (appeared) this.#report()
    if (linked) this.#events.linked(report.uid)
    if (appeared) this.#noticeChanges()
  }

  /** Reports a change in the set of workers that send reports. */
  #noticeChanges(): void {
    const present = this.#peers.hears().sort().join()
    if (present === this.#present) return
    this.#present = present
    this.#events.changed()
    this.sendState()
  }

  #report(): void {
    const { uid, key } = this.#self
    const { id, pid, clients, uptime, restarts } = this.#row()
    const rooms = this.#events.rooms()
    this.#io.serverSideEmit('report', {
      uid,
      key,
      id,
      pid,
      clients,
      uptime,
      restarts,
      rooms,
      hears: this.#peers.hears(),
    })
  }

  #row(): WorkerRow {
    const { id, restarts } = this.#self
    const clients = this.#io.sockets.sockets.size
    return { id, pid: process.pid, clients, uptime: process.uptime() * 1_000, restarts, away: false }
  }
}
