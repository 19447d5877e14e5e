// What does a message from one worker to another cost? First without clients: one worker publishes, the others count.
// Then with 1,000 WebSocket clients in rooms of two, whose clients are on different workers.
import type { Settings } from './support/arguments.ts'
import { compare, failuresOf, median, ratios, type Entry, type Series } from './support/compare.ts'
import { selected } from './support/contenders.ts'
import { costReport, ratioBar, whyAbsent } from './support/cost-table.ts'
import type { Report, Table } from './support/report.ts'
import { CARRIERS, NAIVE, type Carrier } from './support/room-contenders.ts'

export async function broadcast(settings: Settings): Promise<Report> {
  const carriers = selected(CARRIERS, settings) as Carrier[]
  const reports = [await withoutClients(settings, carriers), await inRooms(settings, carriers)]
  return {
    tables: reports.flatMap(({ tables }) => tables),
    charts: reports.flatMap(({ charts }) => charts),
    notes: reports.flatMap(({ notes }) => notes),
    failures: reports.flatMap(({ failures }) => failures),
  }
}

async function withoutClients(settings: Settings, carriers: readonly Carrier[]): Promise<Report> {
  const series = await compare(settings, {
    title: 'broadcast, no clients',
    entries: carriers.map((contender) => ({ contender, workers: 2 })),
    load: { kind: 'storm', count: settings.connections * 2, concurrency: 1, sources: 1 },
    warmUp: settings.connections,
  })
  const { tables, charts, failures } = costReport(series, 'message, one worker to another', { against: NAIVE })
  const latency = ['p50 ms', 'p99 ms']
  const title = 'CPU per message, one worker to another, process.send = 1'
  return {
    tables: tables.map((table) => without(table, latency)),
    charts: charts.map((chart) => ({ ...chart, title })),
    notes: [],
    failures,
  }
}

async function inRooms(settings: Settings, carriers: readonly Carrier[]): Promise<Report> {
  const counts = settings.quick ? [2] : [1, 2, 4, 8]
  const entries = counts.flatMap((workers) =>
    carriers.map((contender): Entry => ({ contender, workers, load: { dialect: contender.dialect } })),
  )
  const series = await compare(settings, {
    title: 'broadcast, rooms',
    entries,
    load: {
      kind: 'rooms',
      count: settings.connections,
      concurrency: settings.quick ? 20 : 200,
      sources: settings.quick ? 40 : 1_000,
    },
    warmUp: Math.ceil(settings.connections / 4),
    webSockets: true,
  })
  const baseOf = (one: Series): Series | undefined =>
    series.find(({ contender, workers }) => contender.name === NAIVE.name && workers === one.workers)
  const figure = (title: string, read: (one: Series) => string): Table => ({
    columns: [title, ...counts.map((n) => `${n} ${n === 1 ? 'worker' : 'workers'}`)],
    rows: carriers.map((carrier) => [
      carrier.label,
      ...series.filter(({ contender }) => contender === carrier).map((one) => whyAbsent(one) ?? read(one)),
    ]),
  })
  return {
    tables: [
      figure('1,000 clients in rooms of two: server CPU per message, ratio to a process.send per message', (one) =>
        median(ratios(one, baseOf(one))).toFixed(2),
      ),
      figure('Messages per second, 200 under way at once', (one) =>
        String(Math.round(median(one.samples.map(({ done, elapsed }) => (done * 1000) / elapsed)))),
      ),
      figure('p99 ms from client to client', (one) => median(one.samples.map(({ p99 }) => p99)).toFixed(1)),
    ],
    charts: counts.map((n) => ({
      title: `CPU per message in rooms of two, ${n} ${n === 1 ? 'worker' : 'workers'}, process.send = 1`,
      mark: 1,
      bars: series.filter(({ workers }) => workers === n).map((one) => ratioBar(one, baseOf(one))),
    })),
    notes: [],
    failures: failuresOf(series),
  }
}

function without({ columns, rows }: Table, names: readonly string[]): Table {
  const keep = (_: string, i: number): boolean => !names.includes(columns[i] ?? '')
  return { columns: columns.filter(keep), rows: rows.map((row) => row.filter(keep)) }
}
