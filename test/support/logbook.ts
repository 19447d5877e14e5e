// Collects the log lines of this process.
import type { Logger } from '../../src/index.ts'
import { processRuntime } from '../../src/runtime.ts'

export interface Logbook {
  events(): string[]
  /** The fields of each line of the event. */
  fields(event: string): unknown[]
}

/** Starts to collect log lines. */
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
