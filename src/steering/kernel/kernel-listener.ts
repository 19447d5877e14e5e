// One listener of kernel steering: the sockets of its slots, and the process that has each of them.
import { listenerOfSocket, slotOfSocket, socketNumber } from '../../ipc/listen-target.ts'
import type { SlotGroup } from '../../native/reuseport.ts'
import { SLOTS } from '../../slots/hash.ts'
import { ServedTable } from '../../slots/served-table.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import { QueueTimeouts } from './queue-timeouts.ts'
import type { SlotLink } from './slot-link.ts'

export interface KernelListenerEvents {
  /** A worker has not served this listener for `holdTimeout`. Reported at each check from then on. */
  onOverdue(worker: number): void
  /** A connection that no worker could take in time was accepted, to be closed. */
  onExpired(fd: number): void
}

export class KernelListener {
  readonly id: number
  /** The process that serves this listener as each worker, by worker id. */
  readonly serving = new Map<number, SlotLink>()
  readonly #group: SlotGroup
  readonly #table: ServedTable
  readonly #timeouts: QueueTimeouts
  /** The process that has the socket of each slot, or to which the socket is on its way, by slot. */
  readonly #holders: (SlotLink | undefined)[] = Array.from({ length: SLOTS })
  isClosing = false

  constructor(id: number, group: SlotGroup, table: SlotTable, holdTimeout: number, events: KernelListenerEvents) {
    this.id = id
    this.#group = group
    this.#table = new ServedTable(table)
    this.#timeouts = new QueueTimeouts(holdTimeout, {
      onOverdue: (worker) => this.#table.table.workers.includes(worker) && events.onOverdue(worker),
      isWaiting: (worker, slot) => this.#ownerOf(slot) === worker && this.#holders[slot] === undefined,
      closeExpired: (slot, count) => {
        let closed = 0
        for (let accepted; closed < count && (accepted = group.accept(slot)) !== undefined; closed++) {
          events.onExpired(accepted.fd)
        }
        return closed
      },
    })
  }

  /** Number of sockets that processes have. */
  get held(): number {
    return this.#holders.filter((holder) => holder !== undefined).length
  }

  /** Number of connections in the queue of each slot. */
  queues(): number[] {
    return Array.from({ length: SLOTS }, (_, slot) => this.#group.queued(slot))
  }

  /** Number of connections in the queues of the worker's slots. */
  queuedFor(worker: number): number {
    return this.queues().reduce((sum, queued, slot) => sum + (this.#ownerOf(slot) === worker ? queued : 0), 0)
  }

  assign(table: SlotTable): void {
    this.#table.assign(table)
  }

  /** The process serves this listener from now on. */
  serve(link: SlotLink): void {
    this.serving.set(link.worker, link)
    this.#timeouts.setPresent(link.worker)
    this.#table.join(link.worker)
  }

  /** The worker has no process that serves this listener. */
  setAbsent(worker: number, now: number): void {
    this.#timeouts.setAbsent(worker, now)
  }

  /** The process serves this listener no longer, unless a successor does already. */
  vacate(link: SlotLink, now: number): void {
    if (this.serving.get(link.worker) !== link) return
    this.serving.delete(link.worker)
    this.#timeouts.setAbsent(link.worker, now)
  }

  /** The worker is up and does not serve this listener: the other workers get its slots here. */
  leave(worker: number): void {
    this.#timeouts.setPresent(worker)
    this.#table.leave(worker)
  }

  /** Sends each slot's socket to the process of its owner, after the process that has the socket has released it. */
  moveSockets(): void {
    // Sockets that were on their way to a process are released when it has them.
    if (this.isClosing) return this.requestAll()
    const sending = new Map<SlotLink, number[]>()
    const releasing = new Map<SlotLink, number[]>()
    for (let slot = 0; slot < SLOTS; slot++) {
      const number = socketNumber(this.id, slot)
      const holder = this.#holders[slot]
      const target = this.serving.get(this.#ownerOf(slot))
      if (holder === target || target?.isReleasing(number) === true) continue
      if (holder === undefined && target !== undefined) append(sending, target, number)
      else if (holder !== undefined && (target !== undefined || this.#isLeaving(holder)))
        append(releasing, holder, number)
    }
    for (const [link, numbers] of releasing) link.requestRelease(numbers)
    for (const [link, numbers] of sending) {
      for (const number of numbers) this.#holders[slotOfSocket(number)] = link
      link.sendSockets(numbers, (number) => this.#group.sockets[slotOfSocket(number)] ?? -1)
    }
  }

  /** Asks all processes to accept what is queued, and to release the sockets. */
  requestAll(): void {
    this.isClosing = true
    for (const link of new Set(this.#holders)) link?.requestRelease(this.heldBy(link), true)
  }

  /** The process has released these sockets, or never got them. Those of other listeners are left out. */
  clearHolder(link: SlotLink, numbers: readonly number[]): void {
    for (const number of numbers) {
      const slot = slotOfSocket(number)
      if (listenerOfSocket(number) === this.id && this.#holders[slot] === link) this.#holders[slot] = undefined
    }
  }

  /** The numbers of the sockets that the process has, or gets. */
  heldBy(link: SlotLink): number[] {
    return this.#holders.flatMap((holder, slot) => (holder === link ? [socketNumber(this.id, slot)] : []))
  }

  /** The sockets that the process has, and that another process should have, or none. */
  overdueAt(link: SlotLink): number[] {
    return this.heldBy(link).filter((number) => this.serving.get(this.#ownerOf(slotOfSocket(number))) !== link)
  }

  /** To be called regularly. @returns whether a connection waits for that process */
  check(now: number): (link: SlotLink) => boolean {
    const queues = this.queues()
    this.#timeouts.check(queues, now)
    return (link) => this.#holders.some((holder, slot) => holder === link && queues[slot] !== 0)
  }

  /** The process to which a connection of that slot goes: of the owner, or any that serves. */
  processFor(slot: number): SlotLink | undefined {
    return this.serving.get(this.#ownerOf(slot)) ?? [...this.serving.values()][0]
  }

  close(): void {
    this.isClosing = true
    this.#group.close()
  }

  #ownerOf(slot: number): number {
    return this.#table.table.owners[slot] ?? 0
  }

  #isLeaving(link: SlotLink): boolean {
    return link.isRetired || this.serving.get(link.worker) !== link
  }
}

function append(numbersByLink: Map<SlotLink, number[]>, link: SlotLink, number: number): void {
  const numbers = numbersByLink.get(link)
  if (numbers === undefined) numbersByLink.set(link, [number])
  else numbers.push(number)
}
