// One process under observation: its beats and its silence go in, what should be done about it comes out.
import type { Heartbeat } from '../ipc/messages.ts'
import { observe, wellAtFirst, type HealthPolicy } from './health.ts'
import { memoryComplaint, type MemoryPolicy, type MemorySample } from './memory.ts'
import { recycleComplaint, type RecyclePolicy } from './recycling.ts'

export type CheckUpPolicy = HealthPolicy & MemoryPolicy & RecyclePolicy

export type Finding =
  /** It is worth a warning, once, long before anything is done. */
  | { type: 'slow' }
  | { type: 'unhealthy' }
  | { type: 'healthy' }
  /** It is given up. */
  | { type: 'lost' }
  /** It should be replaced while it is still well. */
  | { type: 'renew'; reason: string }

/** What a look sees. Milliseconds. */
export interface Look {
  now: number
  /** Since the last sign of life, or since an answer has been owed. */
  silence: number
  /** Since the process started. */
  age: number
  beat: Readonly<Heartbeat> | undefined
}

/** How many samples tell a trend; more would only cost memory. */
const TREND = 240

/** Samples that the bounds look at. */
const RECENT = 3

export class CheckUp {
  readonly #policy: CheckUpPolicy
  readonly #luck: number
  #health = wellAtFirst
  #seen: Readonly<Heartbeat> | undefined
  #recent: MemorySample[] = []
  #trend: MemorySample[] = []

  /** @param luck - 0 to 1: who is recycled first */
  constructor(policy: CheckUpPolicy, luck: number) {
    this.#policy = policy
    this.#luck = luck
  }

  look({ now, silence, age, beat }: Look): Finding | undefined {
    // The same beat again says nothing new.
    const news = beat === this.#seen ? undefined : beat
    this.#seen = beat
    const before = this.#health
    this.#health = observe(before, { silence, lag: news?.lag ?? 0 }, this.#policy)
    const { verdict, against } = this.#health
    if (verdict !== before.verdict) return { type: verdict }
    if (verdict === 'healthy' && against === Math.ceil(this.#policy.unhealthyAfter / 3)) return { type: 'slow' }
    if (news !== undefined) this.#sample({ at: now, rss: news.rss, heapUsed: news.heapUsed })
    if (verdict !== 'healthy') return undefined
    const reason = this.#complaint(age, beat?.served ?? 0)
    return reason === undefined ? undefined : { type: 'renew', reason }
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
