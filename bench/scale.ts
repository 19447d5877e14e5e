// What do more workers and more connections cost? The cost of a short connection with 1 to 8 workers; then the memory
// of thousands of idle WebSockets, and how long the clients of a killed worker wait.
import type { Settings } from './support/arguments.ts'
import { compare, failuresOf, type Entry } from './support/compare.ts'
import { named, selected } from './support/contenders.ts'
import { ratioBar, whyAbsent } from './support/cost-table.ts'
import { idleTable } from './support/idle.ts'
import type { Report } from './support/report.ts'

const NAMES = ['kernel', 'handoff', 'node-ipc', 'cluster']

export async function scale(settings: Settings): Promise<Report> {
  const workers = await byWorkers(settings)
  const idle = await idleTable(settings, selected(named(['single', 'kernel', 'handoff', 'cluster']), settings))
  return {
    tables: [...workers.tables, ...idle.tables],
    charts: [...workers.charts, ...idle.charts],
    notes: [...workers.notes, ...idle.notes],
    failures: [...workers.failures, ...idle.failures],
  }
}

async function byWorkers(settings: Settings): Promise<Report> {
  const counts = settings.quick ? [1, 4] : [1, 2, 4, 8]
  const contenders = selected(named(NAMES), settings)
  const entries: Entry[] = named(['single']).map((contender) => ({ contender, workers: 1 }))
  for (const contender of contenders) for (const n of counts) entries.push({ contender, workers: n })
  const series = await compare(settings, {
    title: 'scale',
    entries,
    load: { kind: 'connections', count: settings.connections, concurrency: 64, sources: settings.quick ? 50 : 2000 },
    warmUp: Math.ceil(settings.connections / 2),
  })
  const base = series[0]
  const rows = contenders.map((contender) => [
    contender.label,
    ...series.filter((one) => one.contender === contender).map((one) => whyAbsent(one) ?? ratioBar(one, base).text),
  ])
  return {
    tables: [{ columns: ['CPU per short connection, ratio to one plain process', ...counts.map(workersText)], rows }],
    charts: counts.map((n) => ({
      title: `Server CPU per connection, ${workersText(n)}, one plain Node process = 1`,
      mark: 1,
      bars: series.filter((one) => one !== base && one.workers === n).map((one) => ratioBar(one, base)),
    })),
    notes: [],
    failures: failuresOf(series),
  }
}

function workersText(n: number): string {
  return n === 1 ? '1 worker' : `${n} workers`
}
