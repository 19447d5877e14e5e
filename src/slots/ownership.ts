// Who owns the slots now: workers lend theirs while they are away or unwell, and get them back.
import { slotTable, type SlotTable } from './slot-table.ts'

export interface OwnershipEvents {
  /** Whether a process serves as this worker. */
  serves(worker: number): boolean
  /** The owners have changed. @param moved - how many slots have another one now */
  moved(table: SlotTable, moved: number, reason: string): void
}

export class Ownership {
  readonly #events: OwnershipEvents
  #table: SlotTable
  #workers: number

  constructor(workers: number, events: OwnershipEvents) {
    this.#workers = workers
    this.#table = slotTable(workers)
    this.#events = events
  }

  get table(): SlotTable {
    return this.#table
  }

  /** How many workers there are meant to be. */
  get workers(): number {
    return this.#workers
  }

  /** The worker is away: others serve its slots, if there is another one that serves at all. */
  failOver(worker: number): void {
    this.#withdraw(worker, 1, 'is away')
  }

  /** The worker is not well. Where most are not it is the load, and what one sheds falls on the next: all keep theirs. */
  ejectUnhealthy(worker: number): void {
    this.#withdraw(worker, this.#workers / 2, 'is not healthy')
  }

  restore(worker: number): void {
    if (this.#table.workers.includes(worker)) return
    this.#change(this.#table.with(worker), `worker ${worker} is back`)
  }

  /** Fewer workers: the slots of those that go are spread now. More: each gets its own when it is ready. */
  resize(workers: number): void {
    this.#workers = workers
    const leavers = this.#table.workers.filter((id) => id >= workers)
    if (leavers.length === 0) return
    // Also those whose slots are lent to one that goes.
    let table = this.#table
    for (let id = 0; id < workers; id++) table = table.with(id)
    for (const id of leavers) table = table.without(id)
    this.#change(table, `${workers} workers are left`)
  }

  #withdraw(worker: number, least: number, why: string): void {
    const others = this.#table.workers.filter((id) => id !== worker && this.#events.serves(id))
    if (others.length < least || !this.#table.workers.includes(worker)) return
    this.#change(this.#table.without(worker), `worker ${worker} ${why}`)
  }

  #change(table: SlotTable, reason: string): void {
    const before = this.#table
    this.#table = table
    const moved = table.owners.reduce((sum, owner, slot) => sum + Number(owner !== before.owners[slot]), 0)
    this.#events.moved(table, moved, reason)
  }
}
