// Holdfast's log events for somebody who watches a demo's terminal: how it ends as a sentence, problems as they are.
import type { LogFunction, Logger } from 'holdfast'

type Fields = Parameters<LogFunction>[1]

/** By event: what to say, or undefined where nothing has to be said. */
export type Sentences = Record<string, (fields: Fields) => string | undefined>

/** Buses that are down: that one is up is news only after that. */
const cutOff = new Set<string>()

const ofAll: Sentences = {
  'balancer.signal': ({ second }) => (second === true ? 'Killed.' : 'Stopping.'),
  'balancer.closed': ended,
  'standalone.closed': ended,
  'worker.slow': ({ worker, silence, lag }) =>
    `Worker ${String(worker)} is slow: its event loop is held up, for ${ms(silence, lag)} so far.`,
  'worker.unhealthy': ({ worker }) => `Worker ${String(worker)} gets no new clients until its event loop runs again.`,
  'worker.healthy': ({ worker }) => `Worker ${String(worker)} is well again.`,
  'forward.failed': ({ worker, reason }) =>
    `A request whose session is at worker ${String(worker)} could not be answered: ${String(reason)}.`,
  'bus.down': ({ kind, worker, reason }) => {
    cutOff.add(`${String(kind)} ${String(worker)}`)
    return `${nameOf(worker)}: ${wayOf(kind)} is away (${String(reason)}).`
  },
  'bus.up': ({ kind, worker, lost }) => {
    if (!cutOff.delete(`${String(kind)} ${String(worker)}`)) return undefined
    const loss = Number(lost ?? 0) > 0 ? `; ${String(lost)} of its messages are lost so far` : ''
    return `${nameOf(worker)}: ${wayOf(kind)} is back${loss}.`
  },
  // The primary's events tell of these.
  'worker.exit': () => undefined,
  'workers.many': () => undefined,
}

/** What has no sentence and is neither a problem nor the end is for those who run a service. */
export function narrate(own: Sentences = {}): Logger {
  const sentences: Sentences = { ...ofAll, ...own }
  const tell = (event: string, fields: Fields, isProblem: boolean): void => {
    const sentence = sentences[event]
    if (sentence === undefined) {
      if (isProblem) console.error(`${event} ${JSON.stringify(fields)}`)
      return
    }
    const text = sentence(fields)
    if (text !== undefined) console.log(text)
  }
  return {
    debug() {},
    info: (event, fields) => tell(event, fields, false),
    warn: (event, fields) => tell(event, fields, true),
    error: (event, fields) => tell(event, fields, true),
  }
}

function ended({ clean }: Fields): string {
  return clean === true ? 'Stopped.' : 'Stopped; something had to be cut.'
}

/** Without a balancer there are no numbers. */
function nameOf(worker: unknown): string {
  return typeof worker === 'number' ? `Worker ${worker}` : 'This process'
}

function wayOf(kind: unknown): string {
  return kind === 'redis' ? 'Redis' : 'the way to the other workers'
}

/** Not all of them are known at all times. */
function ms(...values: unknown[]): string {
  return `${Math.round(Math.max(...values.map((value) => Number(value ?? 0))))} ms`
}
