// What this process logs.
import type { Logger } from '../../src/index.ts'
import { processRuntime } from '../../src/runtime.ts'

export interface Logbook {
  events(): string[]
  /** Of each line of that event. */
  fields(event: string): unknown[]
}

/** What is logged from now on. */
export function logbook(): Logbook {
  const lines: [string, unknown][] = []
  const write = (event: string, fields: unknown) => void lines.push([event, fields])
  const logger: Logger = { debug() {}, info: write, warn: write, error: write }
  processRuntime.logger = logger
  return {
    events: () => lines.map(([event]) => event),
    fields: (event) => lines.filter(([name]) => name === event).map(([, fields]) => fields),
  }
}
