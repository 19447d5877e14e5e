// What does a short connection cost? Connect, one request, reset by the client; 64 connections at once, 2,000
// addresses.
import type { Settings } from './support/arguments.ts'
import { compare } from './support/compare.ts'
import { CONTENDERS, selected, WITH_ONE_WORKER } from './support/contenders.ts'
import { costReport } from './support/cost-table.ts'
import type { Report } from './support/report.ts'

const WORKERS = 2

/** Connections per worker after which Node has compiled all code that runs often. */
const WARM_UP = 15_000

export async function connections(settings: Settings): Promise<Report> {
  const series = await compare(settings, {
    title: 'connections',
    entries: [
      ...selected(CONTENDERS, settings).map((contender) => ({ contender, workers: WORKERS })),
      ...selected(WITH_ONE_WORKER, settings).map((contender) => ({ contender, workers: 1 })),
    ],
    load: { kind: 'connections', count: settings.connections, concurrency: 64, sources: settings.quick ? 50 : 2000 },
    warmUp: settings.quick ? settings.connections : WARM_UP,
    inTurns: true,
  })
  return costReport(series, 'connection', { sticky: true, plain: true })
}
