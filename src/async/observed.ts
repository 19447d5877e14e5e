// The promise `ready` of a primary. An application that does not look at it gets one line about a failed start, and not the
// stack of an unhandled rejection: what is wrong is mostly the port, and the message says what to do.
import { StickyError } from '../errors.ts'
import { consoleLogger, silentLogger, type Logger } from '../logger.ts'

/**
 * @param started - rejects when the start failed
 * @returns gives the promise to the application, which handles a rejection from then on
 */
export function observed(started: Promise<void>, logger: Logger): () => Promise<void> {
  let taken: Promise<void> | undefined
  const report = async (): Promise<void> => {
    try {
      await started
    } catch (error) {
      if (taken === undefined) endWith(error, logger)
    }
  }
  void report()
  // A promise of its own: `started` counts as handled.
  const give = async (): Promise<void> => {
    await started
  }
  return () => (taken ??= give())
}

/** Ends this process with code 1. @throws the error, as an unhandled rejection, where no line would say enough */
function endWith(error: unknown, logger: Logger): void {
  const isKnown = error instanceof StickyError && error.code !== 'HOLDFAST_CLOSED'
  if (!isKnown || handlesUncaught()) throw error
  // Without a log this line is the only one that says why the process ended.
  const log = logger === silentLogger ? consoleLogger : logger
  log.error('balancer.failed', { code: error.code, error })
  process.exit(1)
}

function handlesUncaught(): boolean {
  const events = ['unhandledRejection', 'uncaughtException'] as const
  return events.some((event) => process.listenerCount(event) > 0) || process.hasUncaughtExceptionCaptureCallback()
}
