// What workers have counted so far, over all the processes that served under their ids: a restart takes nothing away.
import { addDifference, noCounts } from '../ipc/request-counts.ts'

/** A process that counts. */
export interface CountingProcess {
  /** Of the worker; negative for a standby. */
  readonly id: number
  /** What it last told. */
  readonly heartbeat: { readonly requests?: readonly number[] } | undefined
}

export class RequestTotals {
  /** What of a process is in the totals. */
  readonly #seen = new WeakMap<CountingProcess, readonly number[]>()
  readonly #byWorker = new Map<number, number[]>()

  /** Takes over what is new. To be called for all processes before a look at the totals, and once more for one that ends. */
  take(process: CountingProcess): void {
    const now = process.heartbeat?.requests
    // A standby has no requests.
    if (now === undefined || process.id < 0) return
    let total = this.#byWorker.get(process.id)
    if (total === undefined) this.#byWorker.set(process.id, (total = noCounts()))
    addDifference(total, this.#seen.get(process) ?? [], now)
    this.#seen.set(process, now)
  }

  /** @returns undefined where nothing is counted */
  totals(worker: number): readonly number[] | undefined {
    return this.#byWorker.get(worker)
  }
}
