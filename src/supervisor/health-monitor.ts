// Checks every process once per interval and reports the findings.
import type { Settings } from '../options/settings.ts'
import type { World } from '../world.ts'
import { HealthHistory, type Finding, type HealthCheckPolicy } from './health-history.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface HealthMonitorEvents {
  /** The processes to check. */
  processes(): Iterable<WorkerProcess>
  /** Milliseconds that the process has owed an answer to steering. */
  silence(process: WorkerProcess, now: number): number
  found(process: WorkerProcess, finding: Finding, silence: number): void
}

export class HealthMonitor {
  readonly #policy: HealthCheckPolicy
  readonly #world: World
  readonly #events: HealthMonitorEvents
  readonly #histories = new WeakMap<WorkerProcess, HealthHistory>()
  #timer: NodeJS.Timeout | undefined
  #checkedAt = 0
  /** Before this moment the primary itself was held up, and no message could be read. */
  #awakeSince = 0

  constructor({ health, restart }: Pick<Settings, 'health' | 'restart'>, world: World, events: HealthMonitorEvents) {
    this.#policy = { ...health, ...restart }
    this.#world = world
    this.#events = events
  }

  start(): void {
    this.#checkedAt = this.#world.now()
    this.#timer = this.#world.setInterval(() => this.#check(this.#world.now()), this.#policy.interval).unref()
  }

  stop(): void {
    this.#world.clearInterval(this.#timer)
  }

  #check(now: number): void {
    if (now - this.#checkedAt > 3 * this.#policy.interval) this.#awakeSince = now
    this.#checkedAt = now
    // The oldest process first: where only one at a time can be replaced, none is passed over for ever.
    const processes = [...this.#events.processes()].sort((a, b) => a.startedAt - b.startedAt)
    for (const process of processes) {
      if (!process.attached || !process.channel.connected || process.state === 'stopping') continue
      const owed = Math.max(now - process.lastSign, this.#events.silence(process, now))
      const silence = Math.min(now - this.#awakeSince, owed)
      const { heartbeat, startedAt } = process
      const finding = this.#historyOf(process).check({ now, silence, age: now - startedAt, heartbeat })
      // A process that drains is left alone, unless it is stuck: a reload may still wait for its end.
      if (finding !== undefined && (process.enabled || finding.type === 'lost')) {
        this.#events.found(process, finding, silence)
      }
    }
  }

  #historyOf(process: WorkerProcess): HealthHistory {
    const known = this.#histories.get(process)
    if (known !== undefined) return known
    const fresh = new HealthHistory(this.#policy, this.#world.random())
    this.#histories.set(process, fresh)
    return fresh
  }
}
