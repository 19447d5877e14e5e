// The workers tell each other every second that they live, and their tabs who serves. No worker ever waits for another
// one's answer: the one that does not answer is the one that has just been killed.
import type { Backplane } from 'holdfast/socket.io'
import type { ChatServer, Crew as CrewState, Report, WorkerRow } from './events.ts'
import { Peers } from './peers.ts'

/** Milliseconds between two reports. */
const BEAT = 1_000
/** Room names shown. */
const ROOMS = 30

/** This worker. */
export interface Self {
  uid: string
  key: string
  id: number
  restarts: number
}

export interface CrewEvents {
  /** Another worker came, came back or went silent. */
  changed(): void
  /** That process hears us and we hear it, for the first time or again. */
  linked(uid: string): void
  /** Once per second. */
  beat(): void
  /** Rooms with somebody here. */
  rooms(): string[]
}

export class Crew {
  readonly #io: ChatServer
  readonly #backplane: Backplane
  readonly #self: Self
  readonly #events: CrewEvents
  readonly #peers: Peers
  #lost = 0
  #present = ''

  constructor(io: ChatServer, backplane: Backplane, self: Self, events: CrewEvents) {
    this.#io = io
    this.#backplane = backplane
    this.#self = self
    this.#events = events
    this.#peers = new Peers(self.uid)
    io.on('report', (report) => this.#hear(report))
  }

  start(): void {
    this.#report()
    setInterval(() => this.#beat(), BEAT).unref()
  }

  /** What tabs are told. */
  state(): CrewState {
    const workers = [this.#row(), ...this.#peers.rows()].sort((a, b) => a.id - b.id || a.pid - b.pid)
    const rooms = [...new Set([...this.#events.rooms(), ...this.#peers.rooms()])].sort().slice(0, ROOMS)
    const { kind, connected } = this.#backplane
    return { workers, rooms, backplane: { kind, connected } }
  }

  /** Tells the tabs of this worker. */
  tell(): void {
    this.#io.local.emit('crew', this.state())
  }

  #beat(): void {
    const { connected, lost } = this.#backplane
    // What was said meanwhile did not get through, in one direction at least: the links have to be made anew, and each
    // new link brings the two memories together.
    if (!connected || lost > this.#lost) this.#peers.forgetLinks()
    this.#lost = lost
    this.#report()
    this.#notice()
    this.#events.beat()
    this.tell()
  }

  #hear(report: Report): void {
    const { appeared, linked } = this.#peers.hear(report)
    // Answered at once: a worker that has just started shall not wait for the next beat.
    if (appeared) this.#report()
    if (linked) this.#events.linked(report.uid)
    if (appeared) this.#notice()
  }

  /** Whether the set of living workers is another one than before. */
  #notice(): void {
    const present = this.#peers.hears().sort().join()
    if (present === this.#present) return
    this.#present = present
    this.#events.changed()
    this.tell()
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
