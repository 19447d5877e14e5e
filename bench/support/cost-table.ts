// The table and the chart of a comparison by CPU time.
import { failuresOf, median, ratios, type Series } from './compare.ts'
import type { Bar, Report } from './report.ts'

/** Above this share of a core the load generator may be what limits the throughput. */
const SATURATED = 0.9

export interface CostOptions {
  /** Whether a client connects more than once, so that the table can say which contenders keep clients. */
  sticky?: boolean
  /** The contender to compare with, unless an entry names another one. */
  against?: { name: string; label: string }
  /** Compare also with the same number of plain processes. */
  plain?: boolean
}

/** @param operation - name of one operation: 'connection', 'request', 'message' */
export function costReport(
  all: readonly Series[],
  operation: string,
  { sticky = false, against = { name: 'single', label: 'one plain Node process' }, plain = false }: CostOptions = {},
): Report {
  const called = (name: string) => all.find(({ contender }) => contender.name === name)
  const baseOf = (series: Series) => called(series.against ?? against.name)
  const columns = ['', `CPU µs per ${operation}`, 'ratio', 'lowest to highest']
  if (plain) columns.push('to as many plain processes')
  columns.push('per second', 'p50 ms', 'p99 ms')
  if (sticky) columns.push('keeps clients')
  const rows = all.map((series) => {
    const { contender, samples } = series
    const absent = whyAbsent(series)
    if (absent !== undefined) return [contender.label, absent, ...columns.slice(2).map(() => '')]
    const compared = ratios(series, baseOf(series))
    const pair = ratios(series, called(series.workers === 1 ? 'single' : 'reuseport'))
    return [
      contender.label,
      median(samples.map(({ cpu }) => cpu)).toFixed(1),
      compared.length === 0 ? '' : median(compared).toFixed(2),
      compared.length === 0 ? '' : `${Math.min(...compared).toFixed(2)} to ${Math.max(...compared).toFixed(2)}`,
      ...(plain ? [pair.length === 0 || contender.name === 'single' ? '' : median(pair).toFixed(2)] : []),
      String(Math.round(median(samples.map(({ done, elapsed }) => (done * 1000) / elapsed)))),
      median(samples.map(({ p50 }) => p50)).toFixed(1),
      median(samples.map(({ p99 }) => p99)).toFixed(1),
      ...(sticky ? [samples.some(({ unsticky }) => unsticky > 0) ? 'no' : 'yes'] : []),
    ]
  })
  return {
    tables: [{ columns, rows }],
    charts: [
      {
        title: `Server CPU per ${operation}, ${against.label} = 1`,
        mark: 1,
        bars: all.map((series) => ratioBar(series, baseOf(series))),
      },
    ],
    notes: saturation(all, operation),
    failures: failuresOf(all),
  }
}

export function ratioBar(series: Series, base: Series | undefined, label = series.contender.label): Bar {
  const compared = ratios(series, base)
  if (compared.length === 0) return { label, value: undefined, text: whyAbsent(series) ?? 'nothing to compare with' }
  const value = median(compared)
  return { label, value, range: [Math.min(...compared), Math.max(...compared)], text: value.toFixed(2) }
}

export function whyAbsent({ unavailable, failure, samples }: Series): string | undefined {
  if (unavailable !== undefined) return `not available: ${unavailable}`
  return failure !== undefined || samples.length === 0 ? 'failed' : undefined
}

function saturation(all: readonly Series[], operation: string): string[] {
  const names = all
    .filter(({ samples }) => samples.length > 0 && median(samples.map(({ busy }) => busy)) > SATURATED)
    .map(({ contender }) => contender.label)
  if (names.length === 0) return []
  return [
    `In the table per ${operation} the load generator was busy for more than ${SATURATED * 100} % of the time with: ` +
      `${names.join('; ')}. Their throughput could be higher; CPU per ${operation} does not depend on it.`,
  ]
}
