// What does the session layer cost? Requests and WebSocket messages of a session at the worker of the connection, and
// of a session at another worker, against the same load without a session layer.
import type { SessionPlace } from './load/load.ts'
import type { Settings } from './support/arguments.ts'
import { compare, type Entry } from './support/compare.ts'
import type { Contender } from './support/contender.ts'
import { contender } from './support/contenders.ts'
import { costReport } from './support/cost-table.ts'
import type { Report } from './support/report.ts'
import { switched } from './support/switched.ts'

const WORKERS = 2

const PLAIN = 'no-sessions'

/** The same server under several names, each with another load. */
function entries(kind: 'requests' | 'messages') {
  const handoff = contender('handoff')
  const named = (name: string, label: string, sessions: boolean): Contender => ({
    name,
    label,
    start: (setup) => handoff.start({ ...setup, sessions }),
  })
  const entry = (place: SessionPlace, label: string, name: string = place): Entry => ({
    contender: named(name, label, name !== PLAIN),
    workers: WORKERS,
    load: { session: place },
  })
  // Two workers and the load generator share two cores, which makes the figures noisy. One worker gives less noise.
  const withOneWorker = (name: string, label: string): Entry => ({
    contender: named(`${name}-1`, `${label}, 1 worker`, name !== PLAIN),
    workers: 1,
    load: { session: 'home' },
    against: `${PLAIN}-1`,
  })
  return [
    entry('home', 'no session layer', PLAIN),
    entry('home', 'session layer, at home'),
    entry('away', 'session layer, at another worker'),
    // A WebSocket never shares its connection.
    ...(kind === 'requests' ? [entry('pooled', 'the same, on a connection of many')] : []),
    withOneWorker(PLAIN, 'no session layer'),
    withOneWorker('home', 'session layer, at home'),
  ]
}

export async function sessions(settings: Settings): Promise<Report> {
  const count = settings.connections * 5
  const parts = [await switched(settings)]
  for (const [kind, operation] of [
    ['requests', 'request'],
    ['messages', 'message'],
  ] as const) {
    const series = await compare(settings, {
      title: `sessions, ${kind}`,
      entries: entries(kind),
      load: { kind, count, concurrency: 64, sources: 64 },
      warmUp: Math.ceil(count / 2),
      inTurns: true,
      webSockets: kind === 'messages',
    })
    parts.push(costReport(series, operation, { against: { name: PLAIN, label: 'no session layer' } }))
  }
  return {
    tables: parts.flatMap(({ tables }) => tables),
    charts: parts.flatMap(({ charts }) => charts),
    notes: parts.flatMap(({ notes }) => notes),
    failures: parts.flatMap(({ failures }) => failures),
  }
}
