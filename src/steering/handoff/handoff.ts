// Hand-off: the primary accepts each connection, hashes the client's address, and sends the socket to the slot's owner.
import { bytesKey } from '../../affinity/address.ts'
import { UntilEmpty } from '../../async/waiting.ts'
import type { WorkerChannel } from '../../ipc/channel.ts'
import { isPath, type Address } from '../../ipc/listen-target.ts'
import type { TcpHandle } from '../../native/tcp-handle.ts'
import type { Settings } from '../../options/settings.ts'
import { slotOfKey } from '../../slots/hash.ts'
import { ServedTable } from '../../slots/served-table.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import { encodeMetadata } from '../../transport/metadata.ts'
import type { AcceptedConnection, Endpoint } from '../../transport/transport.ts'
import type { World } from '../../world.ts'
import { transferredConnection, type IncomingConnection } from '../connection.ts'
import type { Listen, Listener } from '../listener.ts'
import {
  checkPeriod,
  newCounters,
  type CloseReason,
  type ListenerPlan,
  type Steering,
  type SteeringEvents,
} from '../steering.ts'
import { ConnectionLimits, countingOption } from './connection-limits.ts'
import { headroom } from './headroom.ts'
import { heavyReport, picking, type Picker, type PickEvents } from './picking.ts'
import { ProxyGate, type GateEvents } from './proxy-gate.ts'
import { SharedSender } from './shared-sender.ts'
import { WorkerQueues } from './worker-queues.ts'

/** Milliseconds between two checks for descriptors, while the primary does not accept because it had few left. */
const RESUME_CHECK_PERIOD = 100

/** One listener, and the connections of it that wait for workers. */
interface OpenListener {
  readonly plan: ListenerPlan
  readonly table: ServedTable
  readonly queues: WorkerQueues
  /** What travels with each connection; undefined for the first listener, so that most connections carry nothing. */
  readonly metadata: Buffer | undefined
  /** Undefined while it is opened, and after it was closed. */
  listener: Listener | undefined
  /** Connections of clients without an address so far: they go to the workers in turn. */
  turns: number
}

/** A process that can be reached, also one that only finishes. */
interface Process {
  readonly worker: number
  readonly channel: WorkerChannel
  readonly sender: SharedSender
  isRetired: boolean
}

export class Handoff implements Steering {
  readonly name = 'handoff'
  readonly counters = newCounters()

  readonly #settings: Settings
  readonly #events: SteeringEvents
  readonly #listen: Listen
  readonly #world: World
  readonly #pick: Picker | undefined
  readonly #listeners = new Map<number, OpenListener>()
  readonly #processes = new Map<WorkerChannel, Process>()
  /** The listeners that each process serves, also before it is attached. */
  readonly #served = new WeakMap<WorkerChannel, Set<number>>()
  #table: SlotTable
  /** Undefined where no option needs open connections to be counted. */
  readonly #connectionLimits: ConnectionLimits<WorkerChannel> | undefined
  readonly #headroom = headroom()
  /** Undefined without the PROXY protocol. */
  readonly #gate: ProxyGate | undefined
  readonly #drained: UntilEmpty
  /** Set while the primary does not accept because it had few descriptors left. */
  #resumeTimer: NodeJS.Timeout | undefined
  /** Connections that have passed the gate and that no worker has acknowledged. */
  #dispatched = 0
  #checkTimer: NodeJS.Timeout | undefined

  /** @param listen - opens a listener */
  constructor(settings: Settings, table: SlotTable, events: SteeringEvents, listen: Listen, world: World) {
    this.#settings = settings
    this.#table = table
    this.#events = events
    this.#listen = listen
    this.#world = world
    this.#drained = new UntilEmpty(() => this.pending, world)
    if (countingOption(settings) !== undefined) this.#connectionLimits = new ConnectionLimits(settings.limits)
    if (settings.proxyProtocol !== undefined) {
      this.#gate = new ProxyGate(settings.proxyProtocol, settings.logger, this.#gateEvents(), world)
    }
    const pickEvents: PickEvents = {
      openOf: (key) => this.#connectionLimits?.openOf(key) ?? 0,
      onSpilled: () => void this.counters.spilled++,
      onHeavy: heavyReport(settings.logger, world),
    }
    this.#pick = picking(settings, pickEvents, world)
  }

  get pending(): number {
    return this.#dispatched + (this.#gate?.waiting ?? 0)
  }

  pendingOf(worker: number): number {
    return [...this.#listeners.values()].reduce((sum, { queues }) => sum + queues.pendingOf(worker), 0)
  }

  async open(plan: ListenerPlan): Promise<Address | string> {
    const { id, target } = plan
    const isLocal = isPath(target)
    const open: OpenListener = {
      plan,
      table: new ServedTable(this.#table),
      queues: this.#newQueues(id),
      metadata: id === 0 ? undefined : encodeMetadata({ listener: id, isLocal }),
      listener: undefined,
      turns: 0,
    }
    this.#listeners.set(id, open)
    try {
      open.listener = await this.#listen(
        target,
        isLocal
          ? (connection) => this.#acceptLocal(open, connection)
          : (connection, peer) => this.#accept(open, connection, peer),
      )
    } catch (error) {
      this.#listeners.delete(id)
      throw error
    }
    for (const process of this.#processes.values()) {
      if (!process.isRetired && this.#serves(process.channel, id)) this.#attachTo(open, process)
    }
    this.#checkTimer ??= this.#world.setInterval(() => this.#check(), checkPeriod(this.#settings)).unref()
    return open.listener.address
  }

  async restore(listener: number): Promise<void> {
    await this.#listeners.get(listener)?.listener?.restore?.()
  }

  assign(table: SlotTable): void {
    this.#table = table
    for (const listener of this.#listeners.values()) {
      listener.table.assign(table)
      listener.queues.assign(listener.table.table)
    }
  }

  serve(channel: WorkerChannel, listener: number): void {
    const served = this.#served.get(channel) ?? new Set()
    if (served.has(listener)) return
    this.#served.set(channel, served.add(listener))
    const open = this.#listeners.get(listener)
    const process = this.#processes.get(channel)
    if (open !== undefined && process?.isRetired === false) this.#attachTo(open, process)
  }

  unserve(channel: WorkerChannel, listener: number): void {
    if (this.#served.get(channel)?.delete(listener) !== true) return
    const open = this.#listeners.get(listener)
    const process = this.#processes.get(channel)
    if (open === undefined || process === undefined || process.isRetired) return
    open.queues.retire(channel)
    this.#leave(open, process.worker)
  }

  attach(worker: number, channel: WorkerChannel, endpoint: Endpoint): void {
    if (this.#connectionLimits !== undefined) {
      channel.on('connections-ended', ({ seqs }) => this.#connectionLimits?.ended(channel, seqs))
    }
    const process = { worker, channel, sender: new SharedSender(channel, endpoint), isRetired: false }
    this.#processes.set(channel, process)
    for (const listener of this.#listeners.values()) {
      if (this.#serves(channel, listener.plan.id)) this.#attachTo(listener, process)
    }
  }

  transfer(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void {
    const { affinity, limits } = this.#settings
    const connection = transferredConnection(channel, handle, metadata, affinity, this.#world.now())
    this.counters.moved++
    const listener = this.#listeners.get(connection.listener)
    if (listener === undefined) return this.#close(connection, 'listener-closed')
    if (this.#dispatched >= limits.maxPending) return this.#close(connection, 'pending-full')
    this.#connectionLimits?.readmit(connection.key)
    this.#dispatched++
    listener.queues.dispatch(connection)
  }

  retire(channel: WorkerChannel): void {
    const process = this.#processes.get(channel)
    if (process === undefined) return
    process.isRetired = true
    for (const { queues } of this.#listeners.values()) queues.retire(channel)
    process.sender.end()
  }

  detach(channel: WorkerChannel): void {
    const process = this.#processes.get(channel)
    this.#processes.delete(channel)
    process?.sender.close()
    for (const { queues } of this.#listeners.values()) queues.detach(channel)
    for (const connection of process?.sender.takeRest() ?? []) this.#dropped(connection, 'listener-closed')
    this.#connectionLimits?.processEnded(channel)
  }

  silence(channel: WorkerChannel, now: number): number {
    return this.#processes.get(channel)?.sender.silence(now, this.#settings.health.ackTimeout) ?? 0
  }

  async closeListener(id: number): Promise<void> {
    const open = this.#listeners.get(id)
    await open?.listener?.close()
    if (this.#listeners.get(id) !== open) return
    this.#listeners.delete(id)
    open?.queues.dropWaiting()
  }

  async closeListeners(): Promise<void> {
    this.#world.clearInterval(this.#resumeTimer)
    const opened = [...this.#listeners.values()].flatMap(({ listener }) => listener ?? [])
    await Promise.all(opened.map((listener) => listener.close()))
  }

  async drained(deadline: number): Promise<void> {
    await this.#drained.wait(deadline)
  }

  close(): void {
    this.#world.clearInterval(this.#checkTimer)
    this.#gate?.close()
    for (const { queues } of this.#listeners.values()) queues.close()
    for (const { sender } of this.#processes.values()) {
      for (const connection of sender.takeRest()) this.#dropped(connection, 'shutdown')
    }
  }

  #newQueues(listener: number): WorkerQueues {
    const events = {
      onOverdue: (worker: number) => this.#overdue(listener, worker),
      openConnections: (channel: WorkerChannel) => this.#connectionLimits?.servedBy(channel) ?? 0,
      onAcknowledged: (channel: WorkerChannel, connections: readonly AcceptedConnection[]) =>
        this.#acknowledged(channel, connections),
      onDropped: (connection: AcceptedConnection, reason: CloseReason) => this.#dropped(connection, reason),
      onRedispatched: (count: number) => void (this.counters.redispatched += count),
    }
    return new WorkerQueues(this.#settings, this.#table, events, this.#world, this.#pick)
  }

  #check(): void {
    for (const { queues } of this.#listeners.values()) queues.checkTimeouts(this.#world.now())
  }

  #serves(channel: WorkerChannel, listener: number): boolean {
    return this.#served.get(channel)?.has(listener) === true
  }

  #attachTo({ plan, table, queues }: OpenListener, { worker, channel, sender }: Process): void {
    queues.attach(worker, channel, sender.endpoint(plan.id))
    table.join(worker)
    queues.assign(table.table)
  }

  /** The worker is up and does not serve the listener: the other workers get its clients there. */
  #leave({ table, queues }: OpenListener, worker: number): void {
    table.leave(worker)
    queues.assign(table.table)
  }

  #overdue(listener: number, worker: number): void {
    const open = this.#listeners.get(listener)
    const isUp = [...this.#processes.values()].some((process) => process.worker === worker && !process.isRetired)
    if (!isUp) this.#events.onOverdue(worker)
    else if (open !== undefined) this.#leave(open, worker)
  }

  #accept(listener: OpenListener, connection: IncomingConnection, peer: Buffer | undefined): void {
    this.#accepted(listener, connection)
    if (peer === undefined) return this.#close(connection, 'no-address')
    if (this.#headroom.isLow(connection.fd) && !this.#pause()) return this.#close(connection, 'descriptors')
    if (this.#gate === undefined || !listener.plan.isBehindProxy) this.#admit(listener, connection, peer)
    else this.#gate.enter(connection, peer)
  }

  #acceptLocal(listener: OpenListener, connection: IncomingConnection): void {
    this.#accepted(listener, connection)
    if (this.#headroom.isLow(connection.fd)) return this.#close(connection, 'descriptors')
    const { workers, owners } = listener.table.table
    const turn = listener.turns++
    // No two clients without an address are the same one.
    const key = `${listener.plan.id}/${turn}`
    this.#dispatch(listener, connection, key, owners.indexOf(workers[turn % workers.length] ?? 0))
  }

  #accepted({ plan, metadata }: OpenListener, connection: IncomingConnection): void {
    this.counters.accepted++
    connection.listener = plan.id
    connection.metadata = metadata
  }

  #gateEvents(): GateEvents {
    return {
      onPassed: (connection, address) => {
        const listener = this.#listeners.get(connection.listener)
        if (listener === undefined) this.#close(connection, 'listener-closed')
        else this.#admit(listener, connection, address)
        this.#drained.check()
      },
      onRefused: (connection, reason) => {
        this.#close(connection, reason)
        this.#drained.check()
      },
    }
  }

  /** @param address - of the client */
  #admit(listener: OpenListener, connection: IncomingConnection, address: Buffer): void {
    const { affinity } = this.#settings
    const key = bytesKey(address, affinity)
    const text = this.#connectionLimits === undefined ? '' : key.toString('hex')
    this.#dispatch(listener, connection, text, slotOfKey(key, affinity.seed))
  }

  /** @param key - of the client; empty where connections are not counted */
  #dispatch({ queues }: OpenListener, connection: IncomingConnection, key: string, slot: number): void {
    if (this.#dispatched >= this.#settings.limits.maxPending) return this.#close(connection, 'pending-full')
    if (this.#connectionLimits !== undefined) {
      connection.key = key
      const reason = this.#connectionLimits.admit(key)
      if (reason !== undefined) return this.#close(connection, reason)
    }
    this.#dispatched++
    connection.slot = slot
    connection.acceptedAt = this.#world.now()
    queues.dispatch(connection)
  }

  /** Leaves new connections in the kernel's queue until there are descriptors again. @returns false where it cannot */
  #pause(): boolean {
    if (this.#resumeTimer !== undefined) return true
    const paused = [...this.#listeners.values()].flatMap(({ listener }) =>
      listener?.pause() === true ? [listener] : [],
    )
    if (paused.length === 0) return false
    this.counters.pauses++
    this.#settings.logger.warn('accept.paused', { reason: 'few descriptors left', pending: this.#dispatched })
    this.#resumeTimer = this.#world.setInterval(() => {
      if (!this.#headroom.hasRecovered()) return
      this.#world.clearInterval(this.#resumeTimer)
      this.#resumeTimer = undefined
      this.#settings.logger.info('accept.resumed', { pending: this.#dispatched })
      for (const listener of paused) listener.resume()
    }, RESUME_CHECK_PERIOD)
    return true
  }

  #acknowledged(channel: WorkerChannel, connections: readonly AcceptedConnection[]): void {
    this.counters.handedOff += connections.length
    for (const connection of connections) {
      this.#connectionLimits?.acknowledged(channel, connection.seq, connection.key)
      connection.close()
    }
    this.#dispatched -= connections.length
    this.#drained.check()
  }

  #dropped(connection: AcceptedConnection, reason: CloseReason): void {
    this.#connectionLimits?.release(connection.key)
    this.#close(connection, reason)
    this.#dispatched--
    this.#drained.check()
  }

  #close(connection: AcceptedConnection, reason: CloseReason): void {
    this.counters.closed[reason]++
    connection.close()
  }
}
