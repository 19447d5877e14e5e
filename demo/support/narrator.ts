// Holdfast's log events for a demo's terminal: the shutdown as sentences, problems as they are logged.
import type { LogFunction, Logger } from 'holdfast'

type Fields = Parameters<LogFunction>[1]

/** By log event, a function that returns the sentence to print, or undefined to print nothing. */
export type Sentences = Record<string, (fields: Fields) => string | undefined>

/** Buses that are down. That a bus is up is printed only for a bus that was down before. */
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
  // The listeners on the primary's events print these.
  'worker.exit': () => undefined,
  'workers.many': () => undefined,
}

/** Makes the logger. An event without a sentence is printed only if it is a problem or part of the shutdown. */
export function narrate(own: Sentences = {}): Logger {
  const sentences: Sentences = { ...ofAll, ...own }
  const print = (event: string, fields: Fields, isProblem: boolean): void => {
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
    info: (event, fields) => print(event, fields, false),
    warn: (event, fields) => print(event, fields, true),
    error: (event, fields) => print(event, fields, true),
  }
}

function ended({ clean }: Fields): string {
  return clean === true ? 'Stopped.' : 'Stopped; something had to be cut.'
}

/** Names the process; without a balancer there are no worker ids. */
function nameOf(worker: unknown): string {
  return typeof worker === 'number' ? `Worker ${worker}` : 'This process'
}

function wayOf(kind: unknown): string {
  return kind === 'redis' ? 'Redis' : 'the way to the other workers'
}

/** The largest of the given values as text; unknown values count as 0. */
function ms(...values: unknown[]): string {
  return `${Math.round(Math.max(...values.map((value) => Number(value ?? 0))))} ms`
}
