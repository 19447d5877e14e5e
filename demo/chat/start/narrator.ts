// Holdfast's log events as sentences, for somebody who watches the demo's terminal.
import type { LogFunction, Logger } from 'holdfast'

type Fields = Parameters<LogFunction>[1]

const sentences: Record<string, (fields: Fields) => string> = {
  'balancer.signal': ({ second }) => (second === true ? 'Killed.' : 'Stopping; open tabs say so and wait.'),
  'balancer.closed': ({ clean }) => (clean === true ? 'Stopped.' : 'Stopped; a worker had to be killed.'),
  'redis.up': ({ worker }) => `Worker ${String(worker)} is connected to Redis.`,
  'redis.down': ({ worker, reason }) =>
    `Worker ${String(worker)} has lost Redis (${String(reason)}); its own tabs chat on, the others wait.`,
}

/** Warnings without a sentence are printed as they come; the rest is for those who run a service. */
export const narrator: Logger = {
  debug() {},
  info: (event, fields) => tell(event, fields, false),
  warn: (event, fields) => tell(event, fields, event !== 'worker.exit' && event !== 'workers.many'),
  error: (event, fields) => tell(event, fields, true),
}

function tell(event: string, fields: Fields, always: boolean): void {
  const sentence = sentences[event]?.(fields)
  if (sentence !== undefined) console.log(sentence)
  else if (always) console.error(`${event} ${JSON.stringify(fields)}`)
}
