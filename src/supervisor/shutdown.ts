// Signals to the primary: the first one ends things tidily, the second one now.
import type { Settings } from '../settings.ts'

interface Shutdown {
  /** Finish within so many milliseconds. Resolves with false if something had to be killed. */
  first(deadline: number): Promise<boolean>
  /** Kill everything. */
  second(): void
}

/**
 * Ends this process after the first signal: code 0, or 1 where the deadline had to be forced. A second signal kills the
 * workers and exits with 1 at once.
 *
 * @returns stops listening for signals
 */
export function handleSignals({ shutdown, logger }: Pick<Settings, 'shutdown' | 'logger'>, on: Shutdown): () => void {
  let signalled = false
  const handle = (signal: NodeJS.Signals): void => {
    logger.info('balancer.signal', { signal, second: signalled || undefined })
    if (signalled) {
      on.second()
      process.exit(1)
    }
    signalled = true
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
