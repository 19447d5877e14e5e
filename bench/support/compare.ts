// Contenders against each other: in rounds, so that a slow minute of the machine does not hit one of them alone.
import type { Settings } from './arguments.ts'
import type { Contender } from './contender.ts'
import { measure, type Load, type Sample } from './measure.ts'
import { Unavailable } from './program.ts'
import { progress } from './progress.ts'

export interface Entry {
  contender: Contender
  workers: number
  /** Where its load is another than that of all. */
  load?: Partial<Load>
}

/** What came of one entry. */
export interface Series extends Entry {
  samples: Sample[]
  /** Why it takes no part. */
  unavailable?: string
  /** What went wrong. */
  failure?: string
}

export interface Comparison {
  /** For the progress line. */
  title: string
  entries: readonly Entry[]
  load: Load
  /** Operations per worker before the ones that count: Node compiles what runs often. */
  warmUp: number
  webSockets?: boolean
}

export async function compare(settings: Settings, comparison: Comparison): Promise<Series[]> {
  const { title, load, warmUp, webSockets = false } = comparison
  const all: Series[] = comparison.entries.map((entry) => ({ ...entry, samples: [] }))
  for (let round = 0; round < settings.rounds; round++) {
    for (const [i, series] of rotated(all, round).entries()) {
      if (series.unavailable !== undefined || series.failure !== undefined) continue
      const { contender, workers } = series
      const where = `round ${round + 1} of ${settings.rounds}, ${i + 1} of ${all.length}`
      progress(`${title}: ${where}: ${contender.label}${workers === 2 ? '' : `, workers: ${workers}`}`)
      try {
        series.samples.push(
          await measure(contender, { ...settings, workers, webSockets }, { ...load, ...series.load }, warmUp * workers),
        )
      } catch (error) {
        if (error instanceof Unavailable) series.unavailable = error.message
        else series.failure = error instanceof Error ? error.message : String(error)
      }
    }
  }
  return all
}

/** Each round starts with another one, and every second one goes the other way. */
function rotated<T>(items: readonly T[], round: number): T[] {
  const from = (round * 5) % Math.max(1, items.length)
  const order = [...items.slice(from), ...items.slice(0, from)]
  return round % 2 === 0 ? order : order.toReversed()
}

/** What two entries have in common to be compared: the same round. */
export function ratios(series: Series, base: Series | undefined): number[] {
  if (base === undefined) return []
  return series.samples.flatMap(({ cpu }, round) => {
    const against = base.samples[round]
    return against === undefined ? [] : [cpu / against.cpu]
  })
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** What the entries did wrong, and what their absence means. In CI every program has to be there. */
export function failuresOf(all: readonly Series[]): string[] {
  return all.flatMap(({ contender: { label }, samples, failure, unavailable }) => {
    const lost = samples.find(({ failed }) => failed > 0)
    if (failure !== undefined) return [`${label}: ${failure}`]
    if (lost !== undefined) return [`${label}: ${lost.failed} of ${lost.failed + lost.done} failed (${lost.error})`]
    if (process.env['CI'] && unavailable?.startsWith('not installed')) return [`${label}: ${unavailable}`]
    return []
  })
}
