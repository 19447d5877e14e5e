// Holdfast's log events as sentences, for somebody who watches the demo's terminal.
import type { LogFunction, Logger } from 'holdfast'

type Fields = Parameters<LogFunction>[1]

/** Workers that have lost Redis: that one is connected is news only after that. */
const cutOff = new Set<unknown>()

const sentences: Record<string, (fields: Fields) => string | undefined> = {
  'balancer.signal': ({ second }) => (second === true ? 'Killed.' : 'Stopping; open tabs say so and wait.'),
  'balancer.closed': ({ clean }) => (clean === true ? 'Stopped.' : 'Stopped; a worker had to be killed.'),
  'alone.closed': ({ clean }) => (clean === true ? 'Stopped.' : 'Stopped; an answer had to be cut.'),
  'redis.up': ({ worker }) => (cutOff.delete(worker) ? `Worker ${String(worker)} has Redis again.` : undefined),
  'redis.down': ({ worker, reason }) => {
    cutOff.add(worker)
    return `Worker ${String(worker)} has lost Redis (${String(reason)}); its own tabs chat on, the others wait.`
  },
  // What the primary says about these is enough.
  'worker.exit': () => undefined,
  'workers.many': () => undefined,
}

/** Warnings and errors without a sentence are printed as they come; the rest is for those who run a service. */
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
