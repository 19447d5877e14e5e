// What does the session layer cost? Requests and WebSocket messages of a session whose worker has the connection, and of
// one whose worker is another, against the same load without a session layer.
import type { Settings } from './support/arguments.ts'
import { compare } from './support/compare.ts'
import type { Contender } from './support/contender.ts'
import { contender } from './support/contenders.ts'
import { costReport } from './support/cost-table.ts'
import type { Report } from './support/report.ts'

const WORKERS = 2

const PLAIN = 'no-sessions'

/** The same servers under three names: the load differs. */
function entries() {
  const handoff = contender('handoff')
  const named = (name: string, label: string, sessions: boolean): Contender => ({
    name,
    label,
    start: (setup) => handoff.start({ ...setup, sessions }),
  })
  const session = (where: 'home' | 'away') => ({ session: where })
  return [
    { contender: named(PLAIN, 'no session layer', false), workers: WORKERS, load: session('home') },
    { contender: named('home', 'session layer, at home', true), workers: WORKERS, load: session('home') },
    { contender: named('away', 'session layer, at another worker', true), workers: WORKERS, load: session('away') },
  ]
}

export async function sessions(settings: Settings): Promise<Report> {
  const count = settings.connections * 5
  const parts: Report[] = []
  for (const [kind, operation] of [
    ['requests', 'request'],
    ['messages', 'message'],
  ] as const) {
    const series = await compare(settings, {
      title: `sessions, ${kind}`,
      entries: entries(),
      load: { kind, count, concurrency: 64, sources: 64 },
      warmUp: Math.ceil(count / 2),
      webSockets: kind === 'messages',
    })
    parts.push(costReport(series, operation, false, { name: PLAIN, label: 'no session layer' }))
  }
  return {
    tables: parts.flatMap(({ tables }) => tables),
    charts: parts.flatMap(({ charts }) => charts),
    notes: parts.flatMap(({ notes }) => notes),
    failures: parts.flatMap(({ failures }) => failures),
  }
}
