// Kernel steering: the kernel computes the slot of each connection and queues it on that slot's socket, where the owner
// accepts it. The primary holds all the sockets and accepts none; a slot moves by moving its socket, queue included.
import { UntilEmpty } from '../../async/drained.ts'
import type { WorkerChannel } from '../../ipc/channel.ts'
import type { Instruction } from '../../native/cbpf.ts'
import type { Libc } from '../../native/libc.ts'
import type { SlotGroup } from '../../native/reuseport.ts'
import type { Address } from '../../ipc/messages.ts'
import type { Settings } from '../../options/settings.ts'
import { SLOTS } from '../../slots/hash.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import type { TcpHandle } from '../../native/tcp-handle.ts'
import type { AcceptedConnection, Endpoint } from '../../transport/transport.ts'
import { QueueTimeouts } from './queue-timeouts.ts'
import { transferredConnection, unsettleConnection } from '../connection.ts'
import type { PassedSockets } from '../../service-manager/kept-sockets.ts'
import { slotGroup } from './slot-group.ts'
import { SlotLink } from './slot-link.ts'
import { lookPeriod, newCounters, type CloseReason, type Steering, type SteeringEvents } from '../steering.ts'
import type { World } from '../../world.ts'

export class KernelSteering implements Steering {
  readonly name = 'kernel'
  readonly counters = newCounters()
  readonly #settings: Settings
  readonly #libc: Libc
  readonly #program: readonly Instruction[]
  readonly #passed: PassedSockets
  readonly #world: World
  readonly #links = new Map<WorkerChannel, SlotLink>()
  /** The process that serves as each worker now. */
  readonly #current = new Map<number, SlotLink>()
  readonly #queueTimeouts: QueueTimeouts
  /** Who has each slot's socket, by slot. */
  readonly #holders: (SlotLink | undefined)[] = Array.from({ length: SLOTS })
  #table: SlotTable
  #group: SlotGroup | undefined
  #watch: NodeJS.Timeout | undefined
  #isClosing = false
  /** Waits for the workers to give back the sockets of all slots. */
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
      overdue: (worker) => this.#table.workers.includes(worker) && events.overdue(worker),
      isWaiting: (worker, slot) => this.#table.owners[slot] === worker && this.#holders[slot] === undefined,
      expired: (slot, count) => this.#refuse(slot, count),
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
    const look = (): void => this.#look(this.#world.now())
    this.#watch = this.#world.setInterval(look, lookPeriod(this.#settings)).unref()
    const now = this.#world.now()
    for (const worker of this.#table.workers) this.#queueTimeouts.begin(worker, now)
    return address
  }

  assign(table: SlotTable): void {
    this.#table = table
    this.#settle()
  }

  attach(worker: number, channel: WorkerChannel, endpoint: Endpoint): void {
    const link = new SlotLink(worker, channel, endpoint, {
      released: (slots) => this.#released(link, slots),
      refused: (slots) => {
        this.#release(link, slots)
        link.endIfIdle()
      },
      gone: () => this.detach(channel),
    })
    this.#links.set(channel, link)
    this.#current.set(worker, link)
    this.#queueTimeouts.end(worker)
    this.#settle()
  }

  pass(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void {
    const connection = transferredConnection(channel, handle, metadata, this.#settings.affinity, this.#world.now())
    this.counters.moved++
    const link = channel === undefined ? undefined : this.#links.get(channel)
    this.#pass(connection, link?.retired === false ? link : undefined)
  }

  /** @param link - undefined: whoever is there */
  #pass(connection: AcceptedConnection, link?: SlotLink): void {
    if (link === undefined) unsettleConnection(connection)
    const taker = link ?? this.#current.get(this.#table.owners[connection.slot] ?? 0) ?? [...this.#current.values()][0]
    if (taker === undefined) return this.#close(connection, 'owner-gone')
    // One that hangs must not hold more and more descriptors.
    if (taker.pending >= this.#settings.limits.maxPending) return this.#close(connection, 'pending-full')
    this.counters.handedOff++
    taker.pass(connection)
  }

  #close(connection: AcceptedConnection, reason: CloseReason): void {
    this.counters.closed[reason]++
    connection.close()
  }

  retire(channel: WorkerChannel): void {
    const link = this.#links.get(channel)
    if (link === undefined) return
    link.retired = true
    this.#vacate(link)
    this.#settle()
    link.endIfIdle()
  }

  detach(channel: WorkerChannel): void {
    const link = this.#links.get(channel)
    if (link === undefined) return
    this.#links.delete(channel)
    const moved = link.close()
    this.#vacate(link)
    this.#release(link)
    this.#settle()
    this.counters.handedOff -= moved.length
    this.counters.redispatched += moved.length
    for (const connection of moved) this.#pass(connection)
  }

  silence(channel: WorkerChannel, now: number): number {
    return this.#links.get(channel)?.silence(now) ?? 0
  }

  /** The workers accept what waits in the queues and stop listening; then nobody holds the port any more. */
  async closeListener(): Promise<void> {
    this.#isClosing = true
    for (const link of this.#links.values()) link.take(this.#heldBy(link), true)
    await this.#allReleased.wait(this.#settings.health.ackTimeout)
    this.#world.clearInterval(this.#watch)
    this.#group?.close()
    this.#group = undefined
  }

  async drained(): Promise<void> {
    // What was queued is with the workers since closeListener().
  }

  close(): void {
    this.#world.clearInterval(this.#watch)
    for (const link of this.#links.values()) for (const connection of link.close()) connection.close()
    this.#links.clear()
    this.#group?.close()
    this.#group = undefined
  }

  /** Gives each slot's socket to its owner's process, after whoever has it gave it back. */
  #settle(): void {
    const { sockets } = this.#group ?? {}
    if (sockets === undefined || this.#isClosing) return
    const giving = new Map<SlotLink, number[]>()
    const taking = new Map<SlotLink, number[]>()
    for (let slot = 0; slot < SLOTS; slot++) {
      const holder = this.#holders[slot]
      const target = this.#current.get(this.#table.owners[slot] ?? 0)
      if (holder === target || target?.isAsked(slot) === true) continue
      if (holder === undefined && target !== undefined) append(giving, target, slot)
      else if (holder !== undefined && (target !== undefined || holder.retired)) append(taking, holder, slot)
    }
    for (const [link, slots] of taking) link.take(slots)
    for (const [link, slots] of giving) {
      for (const slot of slots) this.#holders[slot] = link
      link.give(slots, sockets)
    }
  }

  /** It can not give back what is another's now: that one gets the sockets while this one has them too. */
  #bypass(link: SlotLink): void {
    const lost = this.#heldBy(link).filter((slot) => this.#current.get(this.#table.owners[slot] ?? 0) !== link)
    if (lost.length > 0) this.#released(link, lost)
  }

  #released(link: SlotLink, slots: readonly number[]): void {
    this.#release(link, slots)
    this.#settle()
    link.endIfIdle()
    this.#allReleased.check()
  }

  #release(link: SlotLink, slots: readonly number[] = this.#heldBy(link)): void {
    for (const slot of slots) if (this.#holders[slot] === link) this.#holders[slot] = undefined
  }

  #heldBy(link: SlotLink): number[] {
    return this.#holders.flatMap((holder, slot) => (holder === link ? [slot] : []))
  }

  #vacate(link: SlotLink): void {
    if (this.#current.get(link.worker) !== link) return
    this.#current.delete(link.worker)
    this.#queueTimeouts.begin(link.worker, this.#world.now())
  }

  #look(now: number): void {
    // Slots that a worker had no descriptors for are tried again here.
    this.#settle()
    const queues = this.queues()
    for (const link of this.#links.values()) {
      link.flush()
      if (link.pending > 0 || this.#holders.some((holder, slot) => holder === link && queues[slot] !== 0)) link.ask(now)
      if (link.silence(now) > this.#settings.health.ackTimeout) this.#bypass(link)
    }
    this.#queueTimeouts.look(queues, now)
  }

  /** @returns how many were there to be closed */
  #refuse(slot: number, most: number): number {
    let refused = 0
    for (let accepted; refused < most && (accepted = this.#group?.accept(slot)) !== undefined; refused++) {
      this.#libc.close(accepted.fd)
      this.counters.accepted++
      this.counters.closed['hold-timeout']++
    }
    return refused
  }
}

function append(map: Map<SlotLink, number[]>, link: SlotLink, slot: number): void {
  const slots = map.get(link)
  if (slots === undefined) map.set(link, [slot])
  else slots.push(slot)
}
