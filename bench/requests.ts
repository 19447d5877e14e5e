// What does a balancer cost on an open connection? Requests on 64 kept-alive connections, and messages of 32
// bytes echoed over 64 WebSockets.
import type { Settings } from './support/arguments.ts'
import { compare } from './support/compare.ts'
import { named, selected, WITH_ONE_WORKER } from './support/contenders.ts'
import { costReport } from './support/cost-table.ts'
import type { Report } from './support/report.ts'

const WORKERS = 2

const NAMES = ['single', 'reuseport', 'kernel', 'handoff', 'cluster', 'nginx-http', 'haproxy']

export async function requests(settings: Settings): Promise<Report> {
  const entries = [
    ...selected(named(NAMES), settings).map((one) => ({ contender: one, workers: WORKERS })),
    ...selected(WITH_ONE_WORKER, settings).map((one) => ({ contender: one, workers: 1 })),
  ]
  const count = settings.connections * 5
  const parts: Report[] = []
  for (const [kind, operation] of [
    ['requests', 'request'],
    ['messages', 'message'],
  ] as const) {
    const series = await compare(settings, {
      title: kind,
      entries,
      load: { kind, count, concurrency: 64, sources: 64 },
      warmUp: Math.ceil(count / 2),
      inTurns: true,
      webSockets: kind === 'messages',
    })
    parts.push(costReport(series, operation, { plain: true }))
  }
  return {
    tables: parts.flatMap(({ tables }) => tables),
    charts: parts.flatMap(({ charts }) => charts),
    notes: parts.flatMap(({ notes }) => notes),
    failures: parts.flatMap(({ failures }) => failures),
  }
}
