// Kernel steering: the kernel computes the slot of each connection and queues the connection on that slot's socket,
// where the owner accepts it. The primary holds all sockets and accepts none. A slot moves by moving its socket, queue
// included.
import { UntilEmpty } from '../../async/waiting.ts'
import type { WorkerChannel } from '../../ipc/channel.ts'
import { isPath, type Address, type PathTarget } from '../../ipc/listen-target.ts'
import type { Instruction } from '../../native/cbpf.ts'
import type { Libc } from '../../native/libc.ts'
import type { TcpHandle } from '../../native/tcp-handle.ts'
import type { Settings } from '../../options/settings.ts'
import type { PassedSockets } from '../../service-manager/kept-sockets.ts'
import { SLOTS } from '../../slots/hash.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import { encodeMetadata } from '../../transport/metadata.ts'
import type { AcceptedConnection, Endpoint } from '../../transport/transport.ts'
import type { World } from '../../world.ts'
import { transferredConnection, freeFromRecipient, type IncomingConnection } from '../connection.ts'
import { openPathListener } from '../path-listener.ts'
import {
  checkPeriod,
  newCounters,
  type CloseReason,
  type ListenerPlan,
  type Steering,
  type SteeringEvents,
} from '../steering.ts'
import { KernelListener } from './kernel-listener.ts'
import { LocalConnections } from './local-connections.ts'
import { slotGroup } from './slot-group.ts'
import { SlotLink } from './slot-link.ts'

export class KernelSteering implements Steering {
  readonly name = 'kernel'
  readonly counters = newCounters()
  readonly #settings: Settings
  readonly #libc: Libc
  readonly #program: readonly Instruction[]
  readonly #passed: PassedSockets
  readonly #world: World
  readonly #events: SteeringEvents
  readonly #listeners = new Map<number, KernelListener>()
  /** The listeners on paths, by number. */
  readonly #locals = new Map<number, LocalConnections>()
  /** All processes that can be reached, also those that only finish. */
  readonly #links = new Map<WorkerChannel, SlotLink>()
  /** The listeners that each process serves, also before it is attached. */
  readonly #served = new WeakMap<WorkerChannel, Set<number>>()
  #table: SlotTable
  #checkTimer: NodeJS.Timeout | undefined
  /** Waits for the processes to release the sockets of all slots of the listeners that close. */
  readonly #allReleased: UntilEmpty

  constructor(
    settings: Settings,
    libc: Libc,
    program: readonly Instruction[],
    table: SlotTable,
    events: SteeringEvents,
    passed: PassedSockets,
    world: World,
  ) {
    this.#settings = settings
    this.#libc = libc
    this.#program = program
    this.#table = table
    this.#events = events
    this.#passed = passed
    this.#world = world
    const closing = (): KernelListener[] => [...this.#listeners.values()].filter(({ isClosing }) => isClosing)
    this.#allReleased = new UntilEmpty(() => closing().reduce((sum, { held }) => sum + held, 0), world)
  }

  get pending(): number {
    const waiting = [...this.#locals.values()].reduce((sum, { pending }) => sum + pending, 0)
    return this.queues().reduce((sum, queued) => sum + queued, waiting)
  }

  pendingOf(worker: number): number {
    return [...this.#listeners.values()].reduce((sum, listener) => sum + listener.queuedFor(worker), 0)
  }

  queues(): number[] {
    const all = [...this.#listeners.values()].map((listener) => listener.queues())
    return Array.from({ length: SLOTS }, (_, slot) => all.reduce((sum, queues) => sum + (queues[slot] ?? 0), 0))
  }

  async open({ id, target }: ListenerPlan): Promise<Address | string> {
    this.#checkTimer ??= this.#world
      .setInterval(() => this.#check(this.#world.now()), checkPeriod(this.#settings))
      .unref()
    if (isPath(target)) return this.#openLocal(id, target)
    const { backlog, limits } = this.#settings
    const { group, address } = await slotGroup(this.#libc, { ...target, backlog }, this.#program, this.#passed)
    const listener = new KernelListener(id, group, this.#table, limits.holdTimeout, {
      onOverdue: (worker) => this.#overdue(listener, worker),
      onExpired: (fd) => {
        this.#libc.close(fd)
        this.counters.accepted++
        this.counters.closed['hold-timeout']++
      },
    })
    this.#listeners.set(id, listener)
    const now = this.#world.now()
    for (const worker of this.#table.workers) listener.setAbsent(worker, now)
    for (const link of this.#attached(id)) listener.serve(link)
    listener.moveSockets()
    return address
  }

  async restore(listener: number): Promise<void> {
    await this.#locals.get(listener)?.listener.restore?.()
  }

  assign(table: SlotTable): void {
    this.#table = table
    for (const listener of this.#listeners.values()) listener.assign(table)
    this.#moveSockets()
  }

  serve(channel: WorkerChannel, listener: number): void {
    const served = this.#served.get(channel) ?? new Set()
    if (served.has(listener)) return
    this.#served.set(channel, served.add(listener))
    const link = this.#links.get(channel)
    if (link === undefined || link.isRetired) return
    this.#listeners.get(listener)?.serve(link)
    this.#locals.get(listener)?.serve(link)
    this.#moveSockets()
  }

  unserve(channel: WorkerChannel, id: number): void {
    if (this.#served.get(channel)?.delete(id) !== true) return
    const link = this.#links.get(channel)
    if (link === undefined || link.isRetired) return
    this.#locals.get(id)?.unserve(link)
    const listener = this.#listeners.get(id)
    if (listener === undefined) return
    listener.vacate(link, this.#world.now())
    listener.leave(link.worker)
    listener.moveSockets()
  }

  attach(worker: number, channel: WorkerChannel, endpoint: Endpoint): void {
    const link = new SlotLink(worker, channel, endpoint, {
      onProgress: (released) => this.#progressed(link, released),
      onUndelivered: (numbers) => {
        // The next check tries again.
        this.#clearHolder(link, numbers)
        link.endIfIdle()
      },
      onClosed: () => this.detach(channel),
    })
    this.#links.set(channel, link)
    const served = this.#served.get(channel) ?? new Set()
    for (const listener of this.#listeners.values()) {
      if (served.has(listener.id)) listener.serve(link)
      else if (listener.serving.get(worker) === undefined) listener.setAbsent(worker, this.#world.now())
    }
    for (const local of this.#locals.values()) if (served.has(local.id)) local.serve(link)
    this.#moveSockets()
  }

  transfer(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void {
    const { affinity } = this.#settings
    const connection = transferredConnection(channel, handle, metadata, affinity, this.#world.now())
    this.counters.moved++
    const local = this.#locals.get(connection.listener)
    if (local !== undefined) return local.dispatch(connection)
    const link = channel === undefined ? undefined : this.#links.get(channel)
    this.#send(connection, link?.isRetired === false ? link : undefined)
  }

  retire(channel: WorkerChannel): void {
    const link = this.#links.get(channel)
    if (link === undefined) return
    link.isRetired = true
    this.#vacate(link)
    this.#moveSockets()
    link.endIfIdle()
  }

  detach(channel: WorkerChannel): void {
    const link = this.#links.get(channel)
    if (link === undefined) return
    this.#links.delete(channel)
    const unconfirmed = link.close()
    this.#vacate(link)
    for (const listener of this.#listeners.values()) listener.clearHolder(link, listener.heldBy(link))
    this.#moveSockets()
    this.#allReleased.check()
    this.counters.handedOff -= unconfirmed.length
    this.counters.redispatched += unconfirmed.length
    for (const connection of unconfirmed) {
      const local = this.#locals.get(connection.listener)
      if (local === undefined) this.#send(connection)
      else local.dispatch(connection)
    }
  }

  silence(channel: WorkerChannel, now: number): number {
    return this.#links.get(channel)?.silence(now) ?? 0
  }

  async closeListener(id: number): Promise<void> {
    const local = this.#locals.get(id)
    const listener = this.#listeners.get(id)
    await local?.listener.close()
    local?.close('listener-closed')
    if (this.#locals.get(id) === local) this.#locals.delete(id)
    if (listener === undefined) return
    listener.requestAll()
    await this.#allReleased.wait(this.#settings.health.ackTimeout)
    listener.close()
    if (this.#listeners.get(id) === listener) this.#listeners.delete(id)
  }

  /**
   * The processes accept what is queued and stop listening. Then the primary closes its sockets, and the ports are free.
   */
  async closeListeners(): Promise<void> {
    for (const listener of this.#listeners.values()) listener.requestAll()
    await Promise.all([
      this.#allReleased.wait(this.#settings.health.ackTimeout),
      ...[...this.#locals.values()].map(({ listener }) => listener.close()),
    ])
    this.#world.clearInterval(this.#checkTimer)
    this.#closeGroups()
  }

  async drained(): Promise<void> {
    // After closeListeners() the workers have all connections that were queued.
  }

  close(): void {
    this.#world.clearInterval(this.#checkTimer)
    for (const link of this.#links.values()) for (const connection of link.close()) connection.close()
    this.#links.clear()
    for (const local of this.#locals.values()) local.close('shutdown')
    this.#closeGroups()
  }

  async #openLocal(id: number, target: PathTarget): Promise<Address | string> {
    const metadata = encodeMetadata({ listener: id, isLocal: true })
    const accept = (connection: IncomingConnection): void => {
      this.counters.accepted++
      connection.listener = id
      connection.metadata = metadata
      connection.acceptedAt = this.#world.now()
      local.dispatch(connection)
    }
    const listener = await openPathListener(target, this.#settings.backlog, accept, this.#world)
    const local = new LocalConnections(id, listener, {
      send: (connection, link) => this.#sendTo(connection, link),
      onDropped: (connection, reason) => this.#close(connection, reason),
    })
    this.#locals.set(id, local)
    for (const link of this.#attached(id)) local.serve(link)
    return listener.address
  }

  /** The processes that get connections and serve the listener. */
  #attached(listener: number): SlotLink[] {
    return [...this.#links].flatMap(([channel, link]) =>
      !link.isRetired && this.#served.get(channel)?.has(listener) === true ? [link] : [],
    )
  }

  /** Sends a transferred connection. @param recipient - undefined: the owner of its slot, or any process that serves */
  #send(connection: AcceptedConnection, recipient?: SlotLink): void {
    if (recipient === undefined) freeFromRecipient(connection)
    const link = recipient ?? this.#listeners.get(connection.listener)?.processFor(connection.slot)
    if (link === undefined) this.#close(connection, 'owner-gone')
    else this.#sendTo(connection, link)
  }

  #sendTo(connection: AcceptedConnection, link: SlotLink): void {
    // A process that hangs must not make the primary keep more and more descriptors.
    if (link.pending >= this.#settings.limits.maxPending) return this.#close(connection, 'pending-full')
    this.counters.handedOff++
    link.sendConnection(connection)
  }

  #close(connection: AcceptedConnection, reason: CloseReason): void {
    this.counters.closed[reason]++
    connection.close()
  }

  #moveSockets(): void {
    for (const listener of this.#listeners.values()) listener.moveSockets()
  }

  /** The slots of a worker that is down fail over; one that is up, and serves other listeners, only loses this one. */
  #overdue(listener: KernelListener, worker: number): void {
    const isUp = [...this.#links.values()].some((link) => link.worker === worker && !link.isRetired)
    if (!isUp) return this.#events.onOverdue(worker)
    listener.leave(worker)
    listener.moveSockets()
  }

  /**
   * Treats the slots as released that a silent process has and no longer owns. Their new owners get the sockets while
   * the process has them too.
   */
  #releaseForSilent(link: SlotLink): void {
    const numbers = [...this.#listeners.values()].flatMap((listener) => listener.overdueAt(link))
    if (numbers.length > 0) this.#progressed(link, numbers)
  }

  #progressed(link: SlotLink, released: readonly number[]): void {
    this.#clearHolder(link, released)
    this.#moveSockets()
    link.endIfIdle()
    this.#allReleased.check()
  }

  #clearHolder(link: SlotLink, numbers: readonly number[]): void {
    for (const listener of this.#listeners.values()) listener.clearHolder(link, numbers)
  }

  /** Takes the process away from its worker, unless a successor serves as the worker already. */
  #vacate(link: SlotLink): void {
    for (const listener of this.#listeners.values()) listener.vacate(link, this.#world.now())
    for (const local of this.#locals.values()) local.unserve(link)
  }

  #check(now: number): void {
    // Sends sockets again that a process had no descriptors for.
    this.#moveSockets()
    const isQueuedFor = [...this.#listeners.values()].map((listener) => listener.check(now))
    for (const local of this.#locals.values()) local.expire(now - this.#settings.limits.holdTimeout)
    for (const link of this.#links.values()) {
      link.flush()
      if (link.pending > 0 || isQueuedFor.some((isQueued) => isQueued(link))) link.probe(now)
      if (link.silence(now) > this.#settings.health.ackTimeout) this.#releaseForSilent(link)
    }
  }

  #closeGroups(): void {
    for (const listener of this.#listeners.values()) listener.close()
    this.#listeners.clear()
  }
}
