// The lines between the primary and its workers: who is next for which worker, what to do while one is away.
import type { ChildProcess } from 'node:child_process'
import type { Settings } from '../settings.ts'
import type { SlotTable } from '../slots/slot-table.ts'
import type { Accepted, Endpoint, Sender } from '../transport/transport.ts'
import { reopen } from './moved.ts'
import type { Candidate, Picker } from './picking.ts'
import type { CloseReason, SteeringEvents } from './steering.ts'

/** One worker's line: the channel while it is up, and who waits for it. */
interface Lane {
  readonly worker: number
  /** The process at the other end of `sender`. */
  child: ChildProcess | undefined
  sender: Sender | undefined
  waiting: Accepted[]
  /** When the worker went away, on the monotonic clock. */
  downSince: number
  /** Set while nothing is sent because the worker had no descriptors left. */
  resting: NodeJS.Timeout | undefined
}

interface Channel {
  readonly lane: Lane
  readonly sender: Sender
}

export interface LaneEvents extends SteeringEvents {
  /** Connections that the process has taken and not ended; asked only where somebody picks. */
  open(child: ChildProcess): number
  /** The process has these now. */
  taken(child: ChildProcess, connections: readonly Accepted[]): void
  /** These could not be given to anybody. */
  dropped(connection: Accepted, reason: CloseReason): void
  /** These are sent once more. */
  again(connections: number): void
}

/** Milliseconds for a worker without descriptors to get some back. */
const REST = 50

export class Lanes {
  readonly #settings: Settings
  readonly #events: LaneEvents
  readonly #lanes = new Map<number, Lane>()
  readonly #channels = new Map<ChildProcess, Channel>()
  readonly #pick: Picker | undefined
  #table: SlotTable

  /** @param pick - undefined: the owner of the slot gets it */
  constructor(settings: Settings, table: SlotTable, events: LaneEvents, pick?: Picker) {
    this.#settings = settings
    this.#pick = pick
    this.#table = table
    this.#events = events
  }

  /** Connections that wait for the worker or were not acknowledged by it. */
  pendingOf(worker: number): number {
    const lane = this.#lanes.get(worker)
    return lane === undefined ? 0 : lane.waiting.length + (lane.sender?.unacknowledged ?? 0)
  }

  dispatch(connection: Accepted): void {
    let lane = connection.to === undefined ? undefined : this.#laneOf(connection.to)
    if (lane === undefined) {
      if (connection.to !== undefined) reopen(connection)
      lane = this.#pickLane(connection)
    }
    // Whoever came first goes first.
    if (lane.waiting.length > 0 || !lane.sender?.send(connection)) lane.waiting.push(connection)
  }

  assign(table: SlotTable): void {
    this.#table = table
    for (const lane of this.#lanes.values()) {
      this.#dispatchAnew(lane, ({ slot, to }) => to === undefined && !this.#mayWait(slot, lane))
    }
  }

  attach(worker: number, child: ChildProcess, endpoint: Endpoint): void {
    const lane = this.#lane(worker)
    const sender = endpoint.sender(child, {
      taken: (connections) => this.#events.taken(child, connections),
      lost: (connections) => this.#lost(lane, connections),
      room: () => this.#flush(lane),
      gone: () => this.detach(child),
    })
    this.#channels.set(child, { lane, sender })
    lane.sender = sender
    lane.child = child
    this.#redirect(lane)
    this.#flush(lane)
    // Where anybody may serve, what waits for somebody absent need not.
    if (this.#pick !== undefined) this.assign(this.#table)
  }

  retire(child: ChildProcess): void {
    const channel = this.#channels.get(child)
    if (channel === undefined) return
    channel.sender.end()
    this.#vacate(channel)
  }

  detach(child: ChildProcess): void {
    const channel = this.#channels.get(child)
    if (channel === undefined) return
    this.#channels.delete(child)
    this.#vacate(channel)
    this.#again(channel.lane, channel.sender.close())
  }

  silence(child: ChildProcess, now: number): number {
    return this.#channels.get(child)?.sender.silence(now, this.#settings.health.ackTimeout) ?? 0
  }

  /** To be called now and then: asks the silent, and gives up on the absent. */
  look(now: number): void {
    for (const child of this.#channels.keys()) this.silence(child, now)
    for (const lane of this.#lanes.values()) if (lane.sender === undefined) this.#expire(lane, now)
  }

  close(): void {
    const left = [...this.#channels.values()].flatMap(({ sender }) => sender.close())
    this.#channels.clear()
    for (const lane of this.#lanes.values()) {
      clearTimeout(lane.resting)
      left.push(...lane.waiting.splice(0))
      lane.sender = undefined
    }
    for (const connection of left) this.#events.dropped(connection, 'shutdown')
  }

  /** The lane is without a worker, unless a successor has it already. */
  #vacate({ lane, sender }: Channel): void {
    if (lane.sender !== sender) return
    lane.sender = undefined
    lane.downSince = performance.now()
    this.#redirect(lane)
    if (this.#pick !== undefined) this.assign(this.#table)
  }

  /** What is for a process that takes no more is not for its successor, nor need wait for one: somebody looks at it anew. */
  #redirect(lane: Lane): void {
    this.#dispatchAnew(lane, ({ to }) => to !== undefined && this.#laneOf(to) !== lane)
  }

  #dispatchAnew(lane: Lane, isAstray: (connection: Accepted) => boolean): void {
    const astray = lane.waiting.filter(isAstray)
    if (astray.length === 0) return
    lane.waiting = lane.waiting.filter((connection) => !isAstray(connection))
    for (const connection of astray) this.dispatch(connection)
  }

  #flush(lane: Lane): void {
    if (lane.resting !== undefined) return
    let sent = 0
    for (const connection of lane.waiting) {
      if (!lane.sender?.send(connection)) break
      sent++
    }
    lane.waiting.splice(0, sent)
  }

  /** Back to the head of the line: the owner may have changed meanwhile, so each is dispatched anew. */
  #again(lane: Lane, connections: readonly Accepted[]): void {
    if (connections.length === 0) return
    this.#events.again(connections.length)
    const line = [...connections, ...lane.waiting.splice(0)]
    for (const connection of line) this.dispatch(connection)
  }

  /** The worker lives and has no descriptors for them: they are tried again, for `holdTimeout`. */
  #lost(lane: Lane, connections: readonly Accepted[]): void {
    const oldest = performance.now() - this.#settings.limits.holdTimeout
    for (const connection of connections) {
      if (connection.acceptedAt < oldest) this.#events.dropped(connection, 'hold-timeout')
    }
    const again = connections.filter(({ acceptedAt }) => acceptedAt >= oldest)
    this.#events.again(again.length)
    // Some transports tell of one at a time, the first one first.
    lane.waiting = [...again, ...lane.waiting].sort((a, b) => a.acceptedAt - b.acceptedAt)
    this.#redirect(lane)
    this.assign(this.#table)
    lane.resting ??= setTimeout(() => {
      lane.resting = undefined
      this.#flush(lane)
    }, REST).unref()
  }

  /** First the slots are lent, which empties the lane; what is left then has nowhere to go. */
  #expire(lane: Lane, now: number): void {
    const { holdTimeout } = this.#settings.limits
    if (now - lane.downSince < holdTimeout) return
    if (this.#table.workers.includes(lane.worker)) this.#events.overdue(lane.worker)
    const late = lane.waiting.findIndex(({ acceptedAt }) => now - acceptedAt < holdTimeout)
    const expired = lane.waiting.splice(0, late < 0 ? lane.waiting.length : late)
    for (const connection of expired) this.#events.dropped(connection, 'hold-timeout')
  }

  /** Whether a connection of that slot is right to wait there. */
  #mayWait(slot: number, lane: Lane): boolean {
    if (this.#pick === undefined) return this.#table.owners[slot] === lane.worker
    return this.#isOpen(lane) || ![...this.#lanes.values()].some((other) => this.#isOpen(other))
  }

  #pickLane(connection: Accepted): Lane {
    const owner = this.#table.owners[connection.slot] ?? 0
    if (this.#pick === undefined) return this.#lane(owner)
    const candidates = this.#candidates()
    return this.#lane(candidates.length === 0 ? owner : this.#pick(connection, owner, candidates))
  }

  #candidates(): Candidate[] {
    const open = [...this.#lanes.values()].filter((lane) => this.#isOpen(lane))
    return open
      .map(({ worker, child, sender, waiting }) => {
        const taken = child === undefined ? 0 : this.#events.open(child)
        return { worker, load: taken + waiting.length + (sender?.unacknowledged ?? 0) }
      })
      .sort((a, b) => a.worker - b.worker)
  }

  #isOpen({ worker, sender }: Lane): boolean {
    return sender !== undefined && this.#table.workers.includes(worker)
  }

  /** undefined where nothing more can be sent to the process. */
  #laneOf(child: ChildProcess): Lane | undefined {
    const channel = this.#channels.get(child)
    return channel?.lane.sender === channel?.sender ? channel?.lane : undefined
  }

  #lane(worker: number): Lane {
    let lane = this.#lanes.get(worker)
    if (lane === undefined) {
      lane = {
        worker,
        child: undefined,
        sender: undefined,
        waiting: [],
        downSince: performance.now(),
        resting: undefined,
      }
      this.#lanes.set(worker, lane)
    }
    return lane
  }
}
