// What is done about a finding: a warning, a verdict, a replacement.
import type { Settings } from '../options/settings.ts'
import type { Finding } from './health-history.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface Means {
  /** The worker's health has changed. */
  well(worker: WorkerProcess): void
  /** Resolves when a successor serves and the worker has ended; rejects when there is none. */
  replace(worker: WorkerProcess): Promise<void>
  /** Gets a successor while the worker is being ended. */
  succeed(worker: WorkerProcess): void
}

/** Milliseconds that a process that was given up has to answer SIGTERM with a sign of life. */
const PATIENCE = 2_000

export function treatment(
  { logger, restart }: Pick<Settings, 'logger' | 'restart'>,
  means: Means,
): (worker: WorkerProcess, finding: Finding, silence: number) => void {
  let renewing = false
  let notBefore = 0

  /** One at a time: each is missed a little while its clients come back. */
  const renew = async (worker: WorkerProcess, reason: string): Promise<void> => {
    if (renewing || performance.now() < notBefore) return
    renewing = true
    logger.info('worker.renew', { worker: worker.id, pid: worker.pid, reason })
    try {
      await means.replace(worker)
    } catch (error) {
      notBefore = performance.now() + restart.retryDelay
      logger.error('worker.renew-failed', { worker: worker.id, error })
    } finally {
      renewing = false
    }
  }

  return (worker, finding, silence) => {
    const fields = { worker: worker.id, pid: worker.pid, silence: Math.round(silence), lag: worker.beat?.lag }
    switch (finding.type) {
      case 'slow':
        return logger.warn('worker.slow', fields)
      case 'unhealthy':
        logger.warn('worker.unhealthy', fields)
        worker.healthy = false
        return means.well(worker)
      case 'healthy':
        logger.info('worker.healthy', fields)
        worker.healthy = true
        return means.well(worker)
      case 'lost':
        logger.error('worker.stuck', fields)
        worker.terminate(PATIENCE)
        return means.succeed(worker)
      case 'renew':
        return void renew(worker, finding.reason)
    }
  }
}
