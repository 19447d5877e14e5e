// Kernel steering: the kernel computes the slot of each connection and queues the connection on that slot's socket,
// where the owner accepts it. The primary holds all sockets and accepts none. A slot moves by moving its socket, queue
// included.
import { UntilEmpty } from '../../async/waiting.ts'
import type { WorkerChannel } from '../../ipc/channel.ts'
import type { Address } from '../../ipc/messages.ts'
import type { Instruction } from '../../native/cbpf.ts'
import type { Libc } from '../../native/libc.ts'
import type { SlotGroup } from '../../native/reuseport.ts'
import type { TcpHandle } from '../../native/tcp-handle.ts'
import type { Settings } from '../../options/settings.ts'
import type { PassedSockets } from '../../service-manager/kept-sockets.ts'
import { SLOTS } from '../../slots/hash.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import type { AcceptedConnection, Endpoint } from '../../transport/transport.ts'
import type { World } from '../../world.ts'
import { transferredConnection, freeFromRecipient } from '../connection.ts'
import { checkPeriod, newCounters, type CloseReason, type Steering, type SteeringEvents } from '../steering.ts'
import { QueueTimeouts } from './queue-timeouts.ts'
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
  /** All processes that can be reached, also those that only finish. */
  readonly #links = new Map<WorkerChannel, SlotLink>()
  /** The process that serves as each worker, by worker id. */
  readonly #serving = new Map<number, SlotLink>()
  readonly #queueTimeouts: QueueTimeouts
  /** The process that has the socket of each slot, or to which the socket is on its way, by slot. */
  readonly #holders: (SlotLink | undefined)[] = Array.from({ length: SLOTS })
  #table: SlotTable
  #group: SlotGroup | undefined
  #checkTimer: NodeJS.Timeout | undefined
  #isClosing = false
  /** Waits for the processes to release the sockets of all slots. */
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
    this.#passed = passed
    this.#world = world
    this.#allReleased = new UntilEmpty(() => this.#holders.filter((holder) => holder !== undefined).length, world)
    this.#queueTimeouts = new QueueTimeouts(settings.limits.holdTimeout, {
      onOverdue: (worker) => this.#table.workers.includes(worker) && events.onOverdue(worker),
      isWaiting: (worker, slot) => this.#table.owners[slot] === worker && this.#holders[slot] === undefined,
      closeExpired: (slot, count) => this.#closeQueued(slot, count),
    })
  }

  get pending(): number {
    return this.queues().reduce((sum, queued) => sum + queued, 0)
  }

  pendingOf(worker: number): number {
    return this.queues().reduce((sum, queued, slot) => sum + (this.#table.owners[slot] === worker ? queued : 0), 0)
  }

  queues(): number[] {
    return Array.from({ length: SLOTS }, (_, slot) => this.#group?.queued(slot) ?? 0)
  }

  async open(): Promise<Address> {
    const { group, address } = await slotGroup(this.#libc, this.#settings, this.#program, this.#passed)
    this.#group = group
    const check = (): void => this.#check(this.#world.now())
    this.#checkTimer = this.#world.setInterval(check, checkPeriod(this.#settings)).unref()
    const now = this.#world.now()
    for (const worker of this.#table.workers) this.#queueTimeouts.setAbsent(worker, now)
    return address
  }

  assign(table: SlotTable): void {
    this.#table = table
    this.#moveSockets()
  }

  attach(worker: number, channel: WorkerChannel, endpoint: Endpoint): void {
    const link = new SlotLink(worker, channel, endpoint, {
      onProgress: (released) => this.#progressed(link, released),
      onUndelivered: (slots) => {
        // The next check tries again.
        this.#clearHolder(link, slots)
        link.endIfIdle()
      },
      onClosed: () => this.detach(channel),
    })
    this.#links.set(channel, link)
    this.#serving.set(worker, link)
    this.#queueTimeouts.setPresent(worker)
    this.#moveSockets()
  }

  transfer(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void {
    const { affinity } = this.#settings
    const connection = transferredConnection(channel, handle, metadata, affinity, this.#world.now())
    this.counters.moved++
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
    this.#clearHolder(link, this.#heldBy(link))
    this.#moveSockets()
    this.counters.handedOff -= unconfirmed.length
    this.counters.redispatched += unconfirmed.length
    for (const connection of unconfirmed) this.#send(connection)
  }

  silence(channel: WorkerChannel, now: number): number {
    return this.#links.get(channel)?.silence(now) ?? 0
  }

  /**
   * The processes accept what is queued and stop listening. Then the primary closes its sockets, and the port is free.
   */
  async closeListener(): Promise<void> {
    this.#isClosing = true
    for (const link of this.#links.values()) link.requestRelease(this.#heldBy(link), true)
    await this.#allReleased.wait(this.#settings.health.ackTimeout)
    this.#world.clearInterval(this.#checkTimer)
    this.#group?.close()
    this.#group = undefined
  }

  async drained(): Promise<void> {
    // After closeListener() the workers have all connections that were queued.
  }

  close(): void {
    this.#world.clearInterval(this.#checkTimer)
    for (const link of this.#links.values()) for (const connection of link.close()) connection.close()
    this.#links.clear()
    this.#group?.close()
    this.#group = undefined
  }

  /** Sends a transferred connection. @param recipient - undefined: the owner of its slot, or any process that serves */
  #send(connection: AcceptedConnection, recipient?: SlotLink): void {
    if (recipient === undefined) freeFromRecipient(connection)
    const owner = this.#table.owners[connection.slot] ?? 0
    const link = recipient ?? this.#serving.get(owner) ?? [...this.#serving.values()][0]
    if (link === undefined) return this.#close(connection, 'owner-gone')
    // A process that hangs must not make the primary keep more and more descriptors.
    if (link.pending >= this.#settings.limits.maxPending) return this.#close(connection, 'pending-full')
    this.counters.handedOff++
    link.sendConnection(connection)
  }

  #close(connection: AcceptedConnection, reason: CloseReason): void {
    this.counters.closed[reason]++
    connection.close()
  }

  /** Sends each slot's socket to the process of its owner, after the process that has the socket has released it. */
  #moveSockets(): void {
    const { sockets } = this.#group ?? {}
    if (sockets === undefined || this.#isClosing) return
    const sending = new Map<SlotLink, number[]>()
    const releasing = new Map<SlotLink, number[]>()
    for (let slot = 0; slot < SLOTS; slot++) {
      const holder = this.#holders[slot]
      const target = this.#serving.get(this.#table.owners[slot] ?? 0)
      if (holder === target || target?.isReleasing(slot) === true) continue
      if (holder === undefined && target !== undefined) append(sending, target, slot)
      else if (holder !== undefined && (target !== undefined || holder.isRetired)) append(releasing, holder, slot)
    }
    for (const [link, slots] of releasing) link.requestRelease(slots)
    for (const [link, slots] of sending) {
      for (const slot of slots) this.#holders[slot] = link
      link.sendSockets(slots, sockets)
    }
  }

  /**
   * Treats the slots as released that a silent process has and no longer owns. Their new owners get the sockets while
   * the process has them too.
   */
  #releaseForSilent(link: SlotLink): void {
    const slots = this.#heldBy(link).filter((slot) => this.#serving.get(this.#table.owners[slot] ?? 0) !== link)
    if (slots.length > 0) this.#progressed(link, slots)
  }

  #progressed(link: SlotLink, released: readonly number[]): void {
    this.#clearHolder(link, released)
    this.#moveSockets()
    link.endIfIdle()
    this.#allReleased.check()
  }

  #clearHolder(link: SlotLink, slots: readonly number[]): void {
    for (const slot of slots) if (this.#holders[slot] === link) this.#holders[slot] = undefined
  }

  #heldBy(link: SlotLink): number[] {
    return this.#holders.flatMap((holder, slot) => (holder === link ? [slot] : []))
  }

  /** Takes the process away from its worker, unless a successor serves as the worker already. */
  #vacate(link: SlotLink): void {
    if (this.#serving.get(link.worker) !== link) return
    this.#serving.delete(link.worker)
    this.#queueTimeouts.setAbsent(link.worker, this.#world.now())
  }

  #check(now: number): void {
    // Sends sockets again that a process had no descriptors for.
    this.#moveSockets()
    const queues = this.queues()
    for (const link of this.#links.values()) {
      link.flush()
      const isQueued = this.#holders.some((holder, slot) => holder === link && queues[slot] !== 0)
      if (link.pending > 0 || isQueued) link.probe(now)
      if (link.silence(now) > this.#settings.health.ackTimeout) this.#releaseForSilent(link)
    }
    this.#queueTimeouts.check(queues, now)
  }

  /** Closes connections at the head of the slot's queue. @returns how many were there */
  #closeQueued(slot: number, max: number): number {
    let closed = 0
    for (let accepted; closed < max && (accepted = this.#group?.accept(slot)) !== undefined; closed++) {
      this.#libc.close(accepted.fd)
      this.counters.accepted++
      this.counters.closed['hold-timeout']++
    }
    return closed
  }
}

function append(slotsByLink: Map<SlotLink, number[]>, link: SlotLink, slot: number): void {
  const slots = slotsByLink.get(link)
  if (slots === undefined) slotsByLink.set(link, [slot])
  else slots.push(slot)
}
