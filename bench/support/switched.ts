// What does the session layer cost for a request at home? One process switches the layer off and on, so that the
// figures are exact to a fraction of a percent; see servers/switched.ts.
import type { Settings } from './arguments.ts'
import { median } from './compare.ts'
import { nodeProgram, server, type Contender } from './contender.ts'
import { Generator } from './generator.ts'
import { withContender } from './measure.ts'
import { progress } from './progress.ts'
import type { Bar, Report } from './report.ts'

/** Requests from one switch to the next; they take some milliseconds, so that a slow moment hits both ways. */
export const PART = 200

/** CPU time per request in microseconds, of each part, with and without the layer. */
export interface Figures {
  off: number[]
  on: number[]
}

/** How requests name their session. */
interface Way {
  label: string
  /** The option `session`. */
  rule: unknown
  /** The requests that client number `n` sends in turn. */
  ask(port: number, n: number): Promise<string[]>
}

const CLIENTS = 64

const WAYS: readonly Way[] = [
  {
    label: 'a header',
    rule: { header: 'x-session' },
    ask: async (_, n) => [get(`X-Session: session-of-client-${n}`)],
  },
  {
    label: 'a header, two sessions per connection',
    rule: { header: 'x-session' },
    ask: async (_, n) => [get(`X-Session: session-of-client-${n}`), get(`X-Session: another-session-of-client-${n}`)],
  },
  {
    label: 'a cookie of the application',
    rule: { cookie: 'session', set: false },
    ask: async (_, n) => [get(`Cookie: theme=dark; language=en; session=session-of-client-${n}`)],
  },
  {
    label: 'a cookie of Holdfast',
    rule: { cookie: 'worker' },
    async ask(port) {
      const { headers } = await fetch(`http://127.0.0.1:${port}/`)
      const [cookie] = headers.getSetCookie()
      return [get(`Cookie: theme=dark; language=en; ${cookie?.split(';')[0]}`)]
    },
  },
  { label: 'Socket.IO, by long polling', rule: 'socket.io', ask: async (port) => [await poll(port)] },
]

function get(field: string): string {
  return `GET / HTTP/1.1\r\nHost: bench\r\n${field}\r\n\r\n`
}

/** Opens a session. @returns the request that sends an event in it */
async function poll(port: number): Promise<string> {
  const path = '/socket.io/?EIO=4&transport=polling'
  const opened = await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const { sid } = JSON.parse(opened.slice(1)) as { sid: string }
  await (await fetch(`http://127.0.0.1:${port}${path}&sid=${sid}`, { method: 'POST', body: '40' })).text()
  const event = '42["said","something"]'
  const type = 'Content-Type: text/plain;charset=UTF-8'
  return `POST ${path}&sid=${sid} HTTP/1.1\r\nHost: bench\r\n${type}\r\nContent-Length: ${event.length}\r\n\r\n${event}`
}

export async function switched(settings: Settings): Promise<Report> {
  const rows: string[][] = []
  const bars: Bar[] = []
  const failures: string[] = []
  for (const way of WAYS) {
    try {
      const results: Record<keyof Figures, number>[] = []
      for (let round = 0; round < settings.rounds; round++) {
        progress(`sessions, switched off and on: round ${round + 1} of ${settings.rounds}: ${way.label}`)
        const { off, on } = await measure(settings, way)
        results.push({ off: mean(off), on: mean(on) })
      }
      const compared = results.map(({ off, on }) => on / off)
      const [low, value, high] = [Math.min(...compared), median(compared), Math.max(...compared)]
      const times = (['off', 'on'] as const).map((key) => median(results.map((result) => result[key])).toFixed(2))
      rows.push([way.label, ...times, value.toFixed(3), `${low.toFixed(3)} to ${high.toFixed(3)}`])
      bars.push({ label: way.label, value, range: [low, high], text: value.toFixed(3) })
    } catch (error) {
      rows.push([way.label, 'failed', '', '', ''])
      failures.push(`session layer switched off and on, ${way.label}: ${String(error)}`)
    }
  }
  const columns = [
    'At home, switched off and on in one process',
    'CPU µs per request, off',
    'on',
    'ratio',
    'lowest to highest',
  ]
  const title = 'CPU per request at home with the session layer, without it = 1'
  return { tables: [{ columns, rows }], charts: [{ title, mark: 1, bars }], notes: [], failures }
}

function measure(settings: Settings, { rule, ask }: Way): Promise<Figures> {
  const count = settings.quick ? 20 * PART : 20 * settings.connections
  return withContender(contender(rule), { ...settings, workers: 1, webSockets: false }, async (port) => {
    const requests = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => ask(port, n)))
    const load = { kind: 'requests', port, concurrency: CLIENTS, sources: CLIENTS, requests, awake: true } as const
    const generator = new Generator()
    const taken = async (): Promise<Figures> => {
      const { failed, error } = await generator.run({ ...load, count, stay: true, resume: true })
      if (failed > 0) throw new Error(`${failed} of ${count} requests failed: ${error}`)
      return (await (await fetch(`http://127.0.0.1:${port}/figures`)).json()) as Figures
    }
    try {
      // These requests only let Node compile the code.
      await taken()
      return await taken()
    } finally {
      generator.stop()
    }
  })
}

/** Mean of all parts; garbage collection, which makes some parts slow, has to count. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function contender(rule: unknown): Contender {
  return {
    name: 'switched',
    label: 'Holdfast, session layer switched off and on',
    start: async (setup) => [await nodeProgram(server('switched'), setup, { BENCH_RULE: JSON.stringify(rule) })],
  }
}
