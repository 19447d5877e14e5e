// Compares contenders in rounds, and within a round in turns, so that a slow moment of the machine does not hit only
// one of them.
import type { Settings } from './arguments.ts'
import type { Contender } from './contender.ts'
import { subject, type Load, type Sample, type Subject } from './measure.ts'
import { Unavailable } from './program.ts'
import { progress } from './progress.ts'

/** Turns per round; with so many, a slow second of the machine hits all contenders. */
const TURNS = 20

export interface Entry {
  contender: Contender
  workers: number
  /** Differences from the common load. */
  load?: Partial<Load>
  /** Name of the contender to compare with, if it is not the common one. */
  against?: string
}

/** The samples of one entry, or the reason why it has none. */
export interface Series extends Entry {
  samples: Sample[]
  /** Reason why the contender cannot take part. */
  unavailable?: string
  /** Error that ended the measurement. */
  failure?: string
}

export interface Comparison {
  /** Title in the progress line. */
  title: string
  entries: readonly Entry[]
  load: Load
  /** Operations per worker before the measurement, so that Node has compiled the code. */
  warmUp: number
  webSockets?: boolean
  /** All contenders run at the same time and get the load in turns; otherwise one runs after the other. */
  inTurns?: boolean
}

export async function compare(settings: Settings, comparison: Comparison): Promise<Series[]> {
  const { entries, inTurns = false } = comparison
  const all: Series[] = entries.map((entry) => ({ ...entry, samples: [] }))
  for (let round = 0; round < settings.rounds; round++) {
    const order = shuffled(all)
    const where = `round ${round + 1} of ${settings.rounds}`
    const groups = inTurns ? [order] : order.map((series) => [series])
    for (const group of groups) await oneRound(settings, comparison, group, where)
  }
  return all
}

/** Takes one sample of each entry, in turns. */
async function oneRound(settings: Settings, comparison: Comparison, group: readonly Series[], where: string) {
  const { title, load, warmUp, webSockets = false, inTurns = false } = comparison
  const turns = inTurns ? (settings.quick ? 2 : TURNS) : 1
  const taking = new Map<Series, { subject: Subject; samples: Sample[] }>()
  const attempt = async (series: Series, doing: string, action: () => Promise<void>): Promise<void> => {
    if (series.unavailable !== undefined || series.failure !== undefined) return
    const { contender, workers } = series
    progress(`${title}: ${where}, ${doing}: ${contender.label}${workers === 2 ? '' : `, workers: ${workers}`}`)
    try {
      await action()
    } catch (error) {
      if (error instanceof Unavailable) series.unavailable = error.message
      else series.failure = error instanceof Error ? error.message : String(error)
    }
  }
  try {
    for (const series of group) {
      const { contender, workers } = series
      await attempt(series, 'start', async () => {
        const setup = { ...settings, workers, webSockets }
        const up = await subject(contender, setup, { ...load, ...series.load }, warmUp * workers)
        taking.set(series, { subject: up, samples: [] })
      })
    }
    for (let turn = 0; turn < turns; turn++) {
      for (const series of shuffled(group)) {
        const { subject: up, samples } = taking.get(series) ?? {}
        await attempt(series, `turn ${turn + 1} of ${turns}`, async () => {
          if (up !== undefined) samples?.push(await up.load(Math.ceil(load.count / turns)))
        })
      }
    }
  } finally {
    await Promise.all([...taking.values()].map(({ subject: up }) => up.stop()))
  }
  for (const [series, { samples }] of taking) if (samples.length === turns) series.samples.push(together(samples))
}

/** Combines the turns of a round into one sample. */
function together(samples: readonly Sample[]): Sample {
  const sum = (read: (sample: Sample) => number): number => samples.reduce((total, sample) => total + read(sample), 0)
  const last = samples.at(-1)
  const error = samples.find((sample) => sample.error !== undefined)?.error
  return {
    done: sum(({ done }) => done),
    failed: sum(({ failed }) => failed),
    ...(error === undefined ? {} : { error }),
    elapsed: sum(({ elapsed }) => elapsed),
    p50: median(samples.map(({ p50 }) => p50)),
    p99: median(samples.map(({ p99 }) => p99)),
    busy: sum(({ busy }) => busy) / samples.length,
    unsticky: last?.unsticky ?? 0,
    pid: last?.pid ?? 0,
    cpu: trimmedMean(samples.map(({ cpu }) => cpu)),
  }
}

/** The items in random order, so that the neighbours of a contender make no difference. */
export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

/** CPU time of the series divided by that of the base, in each round that both have. */
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

/** Mean without the highest and the lowest fifth. */
function trimmedMean(values: readonly number[]): number {
  const fifth = Math.floor(values.length / 5)
  const kept = values.toSorted((a, b) => a - b).slice(fifth, values.length - fifth)
  return kept.reduce((sum, value) => sum + value, 0) / kept.length
}

/** The failures of the entries. In CI a program that is not installed is a failure. */
export function failuresOf(all: readonly Series[]): string[] {
  return all.flatMap(({ contender: { label }, samples, failure, unavailable }) => {
    const lost = samples.find(({ failed }) => failed > 0)
    if (failure !== undefined) return [`${label}: ${failure}`]
    if (lost !== undefined) return [`${label}: ${lost.failed} of ${lost.failed + lost.done} failed (${lost.error})`]
    if (process.env['CI'] && unavailable?.startsWith('not installed')) return [`${label}: ${unavailable}`]
    return []
  })
}
