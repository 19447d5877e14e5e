// Signals to the primary: the first one ends things tidily, the second one now; others reload and scale.
import { isatty } from 'node:tty'
import type { Logger } from '../options/options.ts'
import type { Settings } from '../options/settings.ts'

interface SignalActions {
  /** Finish within so many milliseconds. Resolves with false if something had to be killed. */
  first(deadline: number): Promise<boolean>
  /** Kill everything. */
  second(): void
  /** Replace the workers. What goes wrong is logged where it happens. */
  reload(): Promise<void>
  /** One worker more or less. */
  scale(by: 1 | -1): Promise<void>
}

/**
 * Milliseconds in which the same signal once more is an echo of the first. npm passes on the Ctrl-C that its child got
 * from the terminal too, and a service manager may signal the whole group and the main process besides.
 */
const ECHO = 250

/** As gunicorn has them. */
const SCALE: Partial<Record<NodeJS.Signals, 1 | -1>> = { SIGTTIN: 1, SIGTTOU: -1 }

/**
 * Ends this process after the first signal: code 0, or 1 where the deadline had to be forced. A second signal kills the
 * workers and exits with 1 at once.
 *
 * @returns stops listening for signals
 */
export function handleSignals(
  { shutdown, reload, logger }: Pick<Settings, 'shutdown' | 'reload' | 'logger'>,
  on: SignalActions,
): () => void {
  const which = countSignals(() => performance.now())
  const end = (signal: NodeJS.Signals): void => {
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
  const change = (signal: NodeJS.Signals): void => {
    logger.info('balancer.signal', { signal })
    const by = SCALE[signal]
    const done = by === undefined ? on.reload() : on.scale(by)
    done.catch(() => {}) // logged already
  }
  // A terminal that is closed asks for the end of what runs in it; a daemon has none, and is asked to reload.
  const terminal = isatty(0)
  const ends = terminal && reload.signals.includes('SIGHUP') ? [...shutdown.signals, 'SIGHUP'] : shutdown.signals
  const changes = [...reload.signals, ...Object.keys(SCALE)].filter((signal) => !ends.includes(signal as 'SIGHUP'))
  for (const signal of ends) process.on(signal, end)
  for (const signal of changes) process.on(signal, change)
  return () => {
    for (const signal of ends) process.off(signal, end)
    for (const signal of changes) process.off(signal, change)
  }
}

/**
 * An error in the primary that nobody catches ends it, as in any Node program: code 1. Its workers are told first.
 *
 * @returns stops listening
 */
export function handleCrash(logger: Logger, stopWorkers: () => void): () => void {
  const crashed = (error: Error, origin: string): void => {
    // The application has a handler of its own, so this is not the end.
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return
    logger.error('balancer.uncaught', { error, origin })
    stopWorkers()
  }
  process.on('uncaughtExceptionMonitor', crashed)
  return () => void process.off('uncaughtExceptionMonitor', crashed)
}

/** @param now - milliseconds */
export function countSignals(now: () => number): (signal: NodeJS.Signals) => 'first' | 'echo' | 'second' {
  let first: { signal: NodeJS.Signals; at: number } | undefined
  return (signal) => {
    if (first === undefined) {
      first = { signal, at: now() }
      return 'first'
    }
    return signal === first.signal && now() - first.at < ECHO ? 'echo' : 'second'
  }
}
