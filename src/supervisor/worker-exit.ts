// How a process ended, as facts and in words.
import { tellingLine } from './stderr-relay.ts'

/** How a process ended. */
export interface WorkerExit {
  code: number | null
  signal: NodeJS.Signals | null
  /** Milliseconds from fork to exit, and in service. */
  uptime: number
  served: number
  /** What the application failed with before it was ready, if it told. */
  failure: string | undefined
  /** The last lines it wrote to stderr, oldest first. */
  stderr: readonly string[]
}

/** The same in words: what it said itself, else what it wrote last, else the bare facts. */
export function howItEnded({ code, signal, failure, stderr }: WorkerExit): string {
  return failure ?? tellingLine(stderr) ?? (signal === null ? `exit code ${code}` : `signal ${signal}`)
}
