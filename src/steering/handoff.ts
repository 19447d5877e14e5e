// Hand-off: the primary accepts, hashes the client's address and passes the socket to the slot's owner.
import type { ChildProcess } from 'node:child_process'
import { bytesKey } from '../affinity/address.ts'
import type { Libc } from '../native/libc.ts'
import type { Address } from '../protocol.ts'
import type { Settings } from '../settings.ts'
import { fingerprint32, seeded, slotOf } from '../slots/hash.ts'
import type { SlotTable } from '../slots/slot-table.ts'
import type { Accepted, Endpoint, Sender } from '../transport/transport.ts'
import type { Incoming } from './accept.ts'
import { openListener, type Listener } from './listener.ts'
import { newCounters, type CloseReason, type Steering, type SteeringEvents } from './steering.ts'

/** One worker's line: the channel while it is up, and who waits for it. */
interface Lane {
  readonly worker: number
  sender: Sender | undefined
  waiting: Accepted[]
  /** When the worker went away, on the monotonic clock. */
  downSince: number
}

export class Handoff implements Steering {
  readonly name = 'handoff'
  readonly counters = newCounters()

  readonly #settings: Settings
  readonly #libc: Libc | undefined
  readonly #events: SteeringEvents
  readonly #lanes = new Map<number, Lane>()
  readonly #channels = new Map<ChildProcess, { lane: Lane; sender: Sender }>()
  #table: SlotTable
  #listener: Listener | undefined
  #pending = 0
  #watch: NodeJS.Timeout | undefined
  #settled: (() => void) | undefined

  /** @param libc - accept below Node, for a transport that can pass bare descriptors */
  constructor(settings: Settings, libc: Libc | undefined, table: SlotTable, events: SteeringEvents) {
    this.#settings = settings
    this.#libc = libc
    this.#table = table
    this.#events = events
  }

  get pending(): number {
    return this.#pending
  }

  pendingOf(worker: number): number {
    const lane = this.#lanes.get(worker)
    return lane === undefined ? 0 : lane.waiting.length + (lane.sender?.unacknowledged ?? 0)
  }

  async open(): Promise<Address> {
    this.#listener = await openListener({ ...this.#settings, libc: this.#libc }, this.#accept)
    const { ackTimeout, holdTimeout } = { ...this.#settings.health, ...this.#settings.limits }
    const period = Math.max(20, Math.min(ackTimeout, holdTimeout) / 2)
    this.#watch = setInterval(() => this.#look(performance.now()), period).unref()
    return this.#listener.address
  }

  assign(table: SlotTable): void {
    this.#table = table
    for (const lane of this.#lanes.values()) {
      const moved = lane.waiting.filter(({ slot }) => table.owners[slot] !== lane.worker)
      if (moved.length === 0) continue
      lane.waiting = lane.waiting.filter(({ slot }) => table.owners[slot] === lane.worker)
      for (const connection of moved) this.#dispatch(connection)
    }
  }

  attach(worker: number, child: ChildProcess, endpoint: Endpoint): void {
    const lane = this.#lane(worker)
    const sender = endpoint.sender(child, {
      taken: (connections) => this.#taken(connections),
      lost: (connections) => this.#lost(lane, connections),
      room: () => this.#flush(lane),
      gone: () => this.detach(child),
    })
    this.#channels.set(child, { lane, sender })
    lane.sender = sender
    this.#flush(lane)
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

  /** The lane is without a worker, unless a successor has it already. */
  #vacate({ lane, sender }: { lane: Lane; sender: Sender }): void {
    if (lane.sender !== sender) return
    lane.sender = undefined
    lane.downSince = performance.now()
  }

  async closeListener(): Promise<void> {
    await this.#listener?.close()
  }

  settled(deadline: number): Promise<void> {
    if (this.#pending === 0) return Promise.resolve()
    return new Promise((done) => {
      const timer = setTimeout(done, deadline)
      this.#settled = () => {
        clearTimeout(timer)
        done()
      }
    })
  }

  close(): void {
    clearInterval(this.#watch)
    const left = [...this.#channels.values()].flatMap(({ sender }) => sender.close())
    this.#channels.clear()
    for (const lane of this.#lanes.values()) {
      left.push(...lane.waiting)
      lane.sender = undefined
      lane.waiting = []
    }
    for (const connection of left) this.#drop(connection, 'shutdown')
  }

  readonly #accept = (incoming: Incoming, address: Buffer | undefined): void => {
    this.counters.accepted++
    if (address === undefined) return this.#refuse(incoming, 'no-address')
    if (this.#pending >= this.#settings.limits.maxPending) return this.#refuse(incoming, 'pending-full')
    this.#pending++
    const { affinity } = this.#settings
    incoming.slot = slotOf(fingerprint32(seeded(bytesKey(address, affinity), affinity.seed)))
    incoming.acceptedAt = performance.now()
    this.#dispatch(incoming)
  }

  #dispatch(connection: Accepted): void {
    const lane = this.#lane(this.#table.owners[connection.slot] ?? 0)
    // Whoever came first goes first.
    if (lane.waiting.length > 0 || !lane.sender?.send(connection)) lane.waiting.push(connection)
  }

  #flush(lane: Lane): void {
    let sent = 0
    for (const connection of lane.waiting) {
      if (!lane.sender?.send(connection)) break
      sent++
    }
    lane.waiting.splice(0, sent)
  }

  #taken(connections: readonly Accepted[]): void {
    this.#pending -= connections.length
    this.counters.handedOff += connections.length
    for (const connection of connections) connection.close()
    if (this.#pending === 0) this.#settled?.()
  }

  /** Back to the head of the line: the owner may have changed meanwhile, so each is dispatched anew. */
  #again(lane: Lane, connections: readonly Accepted[]): void {
    if (connections.length === 0) return
    this.counters.redispatched += connections.length
    const line = [...connections, ...lane.waiting]
    lane.waiting = []
    for (const connection of line) this.#dispatch(connection)
  }

  /** A worker that lives and does not get what is sent to it (out of descriptors) is tried for `holdTimeout`. */
  #lost(lane: Lane, connections: readonly Accepted[]): void {
    const oldest = performance.now() - this.#settings.limits.holdTimeout
    for (const connection of connections) if (connection.acceptedAt < oldest) this.#drop(connection, 'hold-timeout')
    this.#again(
      lane,
      connections.filter(({ acceptedAt }) => acceptedAt >= oldest),
    )
  }

  #look(now: number): void {
    const { ackTimeout, deadline } = this.#settings.health
    for (const [child, { sender }] of this.#channels) {
      const silence = sender.silence(now, ackTimeout)
      if (silence > deadline) this.#events.stuck(child, silence)
    }
    for (const lane of this.#lanes.values()) if (lane.sender === undefined) this.#expire(lane, now)
  }

  /** First the slots are lent, which empties the lane; what is left then has nowhere to go. */
  #expire(lane: Lane, now: number): void {
    const { holdTimeout } = this.#settings.limits
    if (now - lane.downSince < holdTimeout) return
    if (this.#table.workers.includes(lane.worker)) this.#events.overdue(lane.worker)
    const late = lane.waiting.findIndex(({ acceptedAt }) => now - acceptedAt < holdTimeout)
    const expired = lane.waiting.splice(0, late < 0 ? lane.waiting.length : late)
    for (const connection of expired) this.#drop(connection, 'hold-timeout')
  }

  #drop(connection: Accepted, reason: CloseReason): void {
    this.#pending--
    if (this.#pending === 0) this.#settled?.()
    this.#refuse(connection, reason)
  }

  #refuse(connection: Accepted, reason: CloseReason): void {
    this.counters.closed[reason]++
    connection.close()
  }

  #lane(worker: number): Lane {
    let lane = this.#lanes.get(worker)
    if (lane === undefined) {
      lane = { worker, sender: undefined, waiting: [], downSince: performance.now() }
      this.#lanes.set(worker, lane)
    }
    return lane
  }
}
