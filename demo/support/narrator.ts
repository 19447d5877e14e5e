// Holdfast's log events for somebody who watches a demo's terminal: how it ends as a sentence, problems as they are.
import type { LogFunction, Logger } from 'holdfast'

type Fields = Parameters<LogFunction>[1]

const sentences: Record<string, (fields: Fields) => string | undefined> = {
  'balancer.signal': ({ second }) => (second === true ? 'Killed.' : 'Stopping.'),
  'balancer.closed': ended,
  'alone.closed': ended,
  'worker.slow': ({ worker, silence, lag }) =>
    `Worker ${String(worker)} is slow: its event loop is held up, for ${ms(silence, lag)} so far.`,
  'worker.unhealthy': ({ worker }) => `Worker ${String(worker)} gets no new clients until its event loop runs again.`,
  'worker.healthy': ({ worker }) => `Worker ${String(worker)} is well again.`,
  // The primary's events tell of these.
  'worker.exit': () => undefined,
  'workers.many': () => undefined,
}

/** What is neither a problem nor the end is for those who run a service. */
export const narrator: Logger = {
  debug() {},
  info: (event, fields) => tell(event, fields, false),
  warn: (event, fields) => tell(event, fields, true),
  error: (event, fields) => tell(event, fields, true),
}

function tell(event: string, fields: Fields, isProblem: boolean): void {
  const sentence = sentences[event]
  if (sentence === undefined) {
    if (isProblem) console.error(`${event} ${JSON.stringify(fields)}`)
    return
  }
  const text = sentence(fields)
  if (text !== undefined) console.log(text)
}

function ended({ clean }: Fields): string {
  return clean === true ? 'Stopped.' : 'Stopped; something had to be cut.'
}

/** Not all of them are known at all times. */
function ms(...values: unknown[]): string {
  return `${Math.round(Math.max(...values.map((value) => Number(value ?? 0))))} ms`
}
