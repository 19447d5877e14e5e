// How a process ended, as facts and in words.

/** How a process ended. */
export interface WorkerExit {
  code: number | null
  signal: NodeJS.Signals | null
  /** Milliseconds from fork to exit, and in service. */
  uptime: number
  served: number
  /** The error that the application reported before it was ready, or the reason of the supervisor for the signal. */
  failure: string | undefined
  /** The last lines that the process wrote to stderr, oldest first. */
  stderr: readonly string[]
  /** The line of stderr that most likely says why. */
  telling: string | undefined
}

/** The same in words: the failure that was reported, else the telling line of stderr, else code or signal. */
export function howItEnded({ code, signal, failure, telling }: WorkerExit): string {
  return failure ?? telling ?? (signal === null ? `exit code ${code}` : `signal ${signal}`)
}
