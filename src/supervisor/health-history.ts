// The health of one process over time: heartbeats and silence go in, what should be done about the process comes out. Pure.
import type { Heartbeat } from '../ipc/messages.ts'
import { observe, initialHealth, type HealthPolicy } from './health.ts'
import { memoryComplaint, type MemoryPolicy, type MemorySample } from './memory.ts'
import { recycleComplaint, type RecyclePolicy } from './recycling.ts'

export type HealthCheckPolicy = HealthPolicy & MemoryPolicy & RecyclePolicy

export type Finding =
  /** The process is worth a warning, once, long before anything is done. */
  | { type: 'slow' }
  | { type: 'unhealthy' }
  | { type: 'healthy' }
  /** The process is given up. */
  | { type: 'lost' }
  /** The process should be replaced while it is still healthy. */
  | { type: 'replace'; reason: string }

/** What one check sees. Milliseconds. */
export interface HealthCheck {
  now: number
  /** Since the last message, or since an answer has been owed. */
  silence: number
  /** Since the process started. */
  age: number
  heartbeat: Readonly<Heartbeat> | undefined
}

/** Samples that show a trend; more would only cost memory. */
const TREND = 240

/** Samples that the bounds are compared with. */
const RECENT = 3

export class HealthHistory {
  readonly #policy: HealthCheckPolicy
  readonly #luck: number
  #health = initialHealth
  #seen: Readonly<Heartbeat> | undefined
  #recent: MemorySample[] = []
  #trend: MemorySample[] = []

  /** @param luck - 0 to 1: of workers of the same age, the one with the smaller number is recycled first */
  constructor(policy: HealthCheckPolicy, luck: number) {
    this.#policy = policy
    this.#luck = luck
  }

  check({ now, silence, age, heartbeat }: HealthCheck): Finding | undefined {
    // The same heartbeat once more says nothing new.
    const news = heartbeat === this.#seen ? undefined : heartbeat
    this.#seen = heartbeat
    const before = this.#health
    this.#health = observe(before, { silence, lag: news?.lag ?? 0 }, this.#policy)
    const { verdict, against } = this.#health
    if (verdict !== before.verdict) return { type: verdict }
    if (verdict === 'healthy' && against === Math.ceil(this.#policy.unhealthyAfter / 3)) return { type: 'slow' }
    if (news !== undefined) this.#sample({ at: now, rss: news.rss, heapUsed: news.heapUsed })
    if (verdict !== 'healthy') return undefined
    const reason = this.#complaint(age, heartbeat?.served ?? 0)
    return reason === undefined ? undefined : { type: 'replace', reason }
  }

  #sample(sample: MemorySample): void {
    this.#recent = [...this.#recent, sample].slice(-RECENT)
    const { growthWindow } = this.#policy
    if (growthWindow === 0) return
    const last = this.#trend.at(-1)
    if (last !== undefined && sample.at - last.at < growthWindow / TREND) return
    // A little more than the window, so that it is known to be full.
    const from = sample.at - growthWindow * (1 + 2 / TREND)
    this.#trend = [...this.#trend.filter(({ at }) => at >= from), sample]
  }

  #complaint(age: number, served: number): string | undefined {
    return (
      memoryComplaint(this.#recent, { ...this.#policy, growthWindow: 0 }) ??
      memoryComplaint(this.#trend, { ...this.#policy, maxRss: Infinity, maxHeap: Infinity }) ??
      recycleComplaint({ age, served }, this.#policy, this.#luck)
    )
  }
}
