// What does the session layer cost a request that is at home? One process that switches it off and on, so that the figures are
// exact to a fraction of a percent; see servers/switched.ts.
import type { Settings } from './arguments.ts'
import { median, trimmedMean } from './compare.ts'
import { environment, server, type Contender } from './contender.ts'
import { Generator } from './generator.ts'
import { withContender } from './measure.ts'
import { launch } from './program.ts'
import { progress } from './progress.ts'
import type { Report } from './report.ts'

/** CPU time per request in microseconds, of each part with and without the layer. */
export interface Figures {
  off: number[]
  on: number[]
}

/** How requests say which session they are of. */
interface Way {
  label: string
  /** The option `session`. */
  rule: unknown
  /** The request of client number `n`. */
  ask(port: number, n: number): Promise<string>
}

const CLIENTS = 64

const WAYS: readonly Way[] = [
  {
    label: 'a header',
    rule: { header: 'x-session' },
    ask: async (_, n) => get(`X-Session: session-of-client-${n}`),
  },
  {
    label: 'a cookie of the application',
    rule: { cookie: 'session', set: false },
    ask: async (_, n) => get(`Cookie: theme=dark; language=en; session=session-of-client-${n}`),
  },
  {
    label: 'a cookie of Holdfast',
    rule: { cookie: 'worker' },
    async ask(port) {
      const { headers } = await fetch(`http://127.0.0.1:${port}/`)
      const [cookie] = headers.getSetCookie()
      return get(`Cookie: theme=dark; language=en; ${cookie?.split(';')[0]}`)
    },
  },
  { label: 'Socket.IO, by long polling', rule: 'socket.io', ask: (port) => poll(port) },
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
  const { rounds, quick, connections } = settings
  const count = connections * (quick ? 1 : 20)
  const rows: string[][] = []
  const bars = []
  for (const { label, rule, ask } of WAYS) {
    const results: { off: number; on: number }[] = []
    for (let round = 0; round < rounds; round++) {
      progress(`sessions, switched off and on: round ${round + 1} of ${rounds}: ${label}`)
      const figures = await withContender(
        contender(rule),
        { ...settings, workers: 1, webSockets: false },
        async (port) => {
          const requests = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => ask(port, n)))
          const generator = new Generator()
          try {
            const load = {
              kind: 'requests',
              port,
              concurrency: CLIENTS,
              sources: CLIENTS,
              requests,
              awake: true,
            } as const
            const taken = async (): Promise<Figures> => {
              const { failed, error } = await generator.run({ ...load, count, stay: true, resume: true })
              if (failed > 0) throw new Error(`${label}: ${failed} of ${count} requests failed: ${error}`)
              return (await (await fetch(`http://127.0.0.1:${port}/figures`)).json()) as Figures
            }
            // Node compiles what runs often.
            await taken()
            return await taken()
          } finally {
            generator.stop()
          }
        },
      )
      results.push({ off: trimmedMean(figures.off), on: trimmedMean(figures.on) })
    }
    const compared = results.map(({ off, on }) => on / off)
    const [low, value, high] = [Math.min(...compared), median(compared), Math.max(...compared)]
    rows.push([
      label,
      median(results.map(({ off }) => off)).toFixed(2),
      median(results.map(({ on }) => on)).toFixed(2),
      value.toFixed(3),
      `${low.toFixed(3)} to ${high.toFixed(3)}`,
    ])
    bars.push({ label, value, range: [low, high] as const, text: value.toFixed(3) })
  }
  const columns = [
    'At home, the layer switched off and on in one process',
    'CPU µs per request, off',
    'on',
    'ratio',
    'lowest to highest',
  ]
  const title = 'CPU per request at home with the session layer, without it = 1'
  return { tables: [{ columns, rows }], charts: [{ title, mark: 1, bars }], notes: [], failures: [] }
}

function contender(rule: unknown): Contender {
  return {
    name: 'switched',
    label: 'Holdfast, session layer switched off and on',
    start: async (setup) => [
      await launch({
        command: setup.node,
        args: [server('switched')],
        env: { ...environment(setup), BENCH_RULE: JSON.stringify(rule) },
        ready: 1,
      }),
    ],
  }
}
