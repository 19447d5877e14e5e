// The current owners of the slots. The slots of a worker that is down or unhealthy fail over to the others; it gets the
// same slots back later.
import { slotTable, type SlotTable } from './slot-table.ts'

export interface OwnershipEvents {
  /** Whether a process is ready to serve as this worker. */
  serves(worker: number): boolean
  /** @param moved - the number of slots with a new owner */
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

  /** The configured number of workers. */
  get workers(): number {
    return this.#workers
  }

  /** Gives the slots of a worker that is down to the others. It keeps them when no other worker serves. */
  failOver(worker: number): void {
    this.#withdraw(worker, 1, 'is down')
  }

  /**
   * Gives the slots of an unhealthy worker to the others. It keeps them when fewer than half of the workers remain:
   * then the load is the cause, and each ejected worker would overload the next one.
   */
  ejectUnhealthy(worker: number): void {
    this.#withdraw(worker, this.#workers / 2, 'is unhealthy')
  }

  /** Gives a worker its slots back. */
  restore(worker: number): void {
    if (this.#table.workers.includes(worker)) return
    this.#change(this.#table.with(worker), `worker ${worker} is ready`)
  }

  /**
   * Changes the number of workers. Removed workers lose their slots at once. An added worker gets its slots by
   * {@link restore}, when it is ready.
   */
  resize(workers: number): void {
    this.#workers = workers
    const removed = this.#table.workers.filter((id) => id >= workers)
    if (removed.length === 0) return
    // Slots that failed over to a removed worker return to their own worker first.
    let table = this.#table
    for (let id = 0; id < workers; id++) table = table.with(id)
    for (const id of removed) table = table.without(id)
    this.#change(table, `${workers} workers remain`)
  }

  /** @param least - how many other workers must serve */
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
