// The managed workers: those that serve, and the standbys, which wait to take the place of one.
import { ManagedWorker, type Supervision } from './managed-worker.ts'

export class WorkerPool {
  /** The workers, each at the index that is its id. */
  readonly workers: ManagedWorker[] = []
  /** Their ids are -1, -2 and so on. */
  readonly standbys: ManagedWorker[] = []

  get all(): ManagedWorker[] {
    return [...this.workers, ...this.standbys]
  }

  /** Standby processes that could take over now. */
  get standbyCount(): number {
    return this.standbys.filter(({ canGiveProcess }) => canGiveProcess).length
  }

  /** A standby with a process that could take over now. */
  get readyStandby(): ManagedWorker | undefined {
    return this.standbys.find(({ canGiveProcess }) => canGiveProcess)
  }

  /** A worker that has no process, not even one that is starting. */
  get waitingWorker(): ManagedWorker | undefined {
    return this.workers.find(({ phase }) => phase === 'waiting')
  }

  /** Whether a process serves as this worker. */
  serves(id: number): boolean {
    return this.workers[id]?.isServing ?? false
  }

  /** Whether any worker serves. */
  get isServing(): boolean {
    return this.workers.some(({ isServing }) => isServing)
  }

  /** Adds workers, without processes yet, until there are so many. @returns the new ones */
  grow(workers: number, supervision: Supervision): ManagedWorker[] {
    const from = this.workers.length
    while (this.workers.length < workers) this.workers.push(new ManagedWorker(this.workers.length, supervision))
    return this.workers.slice(from)
  }

  /** The same for standbys. */
  growStandbys(standbys: number, supervision: Supervision): ManagedWorker[] {
    const from = this.standbys.length
    while (this.standbys.length < standbys)
      this.standbys.push(new ManagedWorker(-1 - this.standbys.length, supervision))
    return this.standbys.slice(from)
  }

  /** Leaves so many workers. @returns those that were taken out */
  cut(workers: number): ManagedWorker[] {
    return this.workers.splice(workers)
  }
}
