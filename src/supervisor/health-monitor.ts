// Looks at every process once per interval and tells what it found.
import { performance } from 'node:perf_hooks'
import type { Settings } from '../options/settings.ts'
import { CheckUp, type CheckUpPolicy, type Finding } from './health-history.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface WatchEvents {
  /** Whom to look at. */
  processes(): Iterable<WorkerProcess>
  /** Milliseconds that the process has owed an answer to steering. */
  silence(worker: WorkerProcess, now: number): number
  found(worker: WorkerProcess, finding: Finding, silence: number): void
}

export class Watch {
  readonly #policy: CheckUpPolicy
  readonly #events: WatchEvents
  readonly #checkUps = new WeakMap<WorkerProcess, CheckUp>()
  #timer: NodeJS.Timeout | undefined
  #lookedAt = 0
  /** This process itself was held up before: nobody could be heard. */
  #awakeSince = 0

  constructor({ health, restart }: Pick<Settings, 'health' | 'restart'>, events: WatchEvents) {
    this.#policy = { ...health, ...restart }
    this.#events = events
  }

  start(): void {
    this.#lookedAt = performance.now()
    this.#timer = setInterval(() => this.#look(performance.now()), this.#policy.interval).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(now: number): void {
    if (now - this.#lookedAt > 3 * this.#policy.interval) this.#awakeSince = now
    this.#lookedAt = now
    // The oldest first: where only one at a time can be replaced, nobody is passed over for ever.
    const processes = [...this.#events.processes()].sort((a, b) => a.startedAt - b.startedAt)
    for (const worker of processes) {
      if (!worker.attached || !worker.child.connected || worker.state === 'stopping') continue
      const said = Math.max(now - worker.lastSign, this.#events.silence(worker, now))
      const silence = Math.min(now - this.#awakeSince, said)
      const { beat, startedAt } = worker
      const finding = this.#checkUpOf(worker).look({ now, silence, age: now - startedAt, beat })
      // Who finishes is left alone, unless it is stuck: somebody may still wait for it.
      if (finding !== undefined && (worker.enabled || finding.type === 'lost')) {
        this.#events.found(worker, finding, silence)
      }
    }
  }

  #checkUpOf(worker: WorkerProcess): CheckUp {
    const known = this.#checkUps.get(worker)
    if (known !== undefined) return known
    const fresh = new CheckUp(this.#policy, Math.random())
    this.#checkUps.set(worker, fresh)
    return fresh
  }
}
