// Signals to the primary: the first one ends things tidily, the second one now.
import type { Settings } from '../settings.ts'

interface Shutdown {
  /** Finish within so many milliseconds. Resolves with false if something had to be killed. */
  first(deadline: number): Promise<boolean>
  /** Kill everything. */
  second(): void
}

/** Milliseconds in which another SIGINT is an echo: npm passes on the Ctrl-C that its child got from the terminal too. */
const ECHO = 250

/**
 * Ends this process after the first signal: code 0, or 1 where the deadline had to be forced. A second signal kills the
 * workers and exits with 1 at once.
 *
 * @returns stops listening for signals
 */
export function handleSignals({ shutdown, logger }: Pick<Settings, 'shutdown' | 'logger'>, on: Shutdown): () => void {
  const which = countSignals(() => performance.now())
  const handle = (signal: NodeJS.Signals): void => {
    const nth = which(signal)
    if (nth === 'echo') return
    logger.info('balancer.signal', { signal, second: nth === 'second' || undefined })
    if (nth === 'second') {
      on.second()
      process.exit(1)
    }
    on.first(shutdown.deadline).then(
      (clean) => process.exit(clean ? 0 : 1),
      (error: unknown) => {
        logger.error('balancer.close-failed', { error })
        process.exit(1)
      },
    )
  }
  for (const signal of shutdown.signals) process.on(signal, handle)
  return () => {
    for (const signal of shutdown.signals) process.off(signal, handle)
  }
}

/** @param now - milliseconds */
export function countSignals(now: () => number): (signal: NodeJS.Signals) => 'first' | 'echo' | 'second' {
  let first: { signal: NodeJS.Signals; at: number } | undefined
  return (signal) => {
    if (first === undefined) {
      first = { signal, at: now() }
      return 'first'
    }
    return signal === 'SIGINT' && first.signal === 'SIGINT' && now() - first.at < ECHO ? 'echo' : 'second'
  }
}
