// The owners of the slots on one listener: those of the balancer, without the workers that do not serve the listener. Pure.
import type { SlotTable } from './slot-table.ts'

export class ServedTable {
  readonly #absent = new Set<number>()
  #all: SlotTable
  #served: SlotTable

  /** @param all - the owners on a listener that all workers serve */
  constructor(all: SlotTable) {
    this.#all = this.#served = all
  }

  /** The owners on this listener. Where no worker serves it, those of all listeners. */
  get table(): SlotTable {
    return this.#served
  }

  /** The owners on all listeners have changed. */
  assign(all: SlotTable): void {
    this.#all = all
    this.#update()
  }

  /** The worker does not serve this listener: the others get its slots here. */
  leave(worker: number): void {
    this.#absent.add(worker)
    this.#update()
  }

  /** The worker serves this listener (again). */
  join(worker: number): void {
    if (this.#absent.delete(worker)) this.#update()
  }

  #update(): void {
    const { workers } = this.#all
    const absent = workers.filter((worker) => this.#absent.has(worker))
    const isServed = absent.length < workers.length
    this.#served = isServed ? absent.reduce((table, worker) => table.without(worker), this.#all) : this.#all
  }
}
