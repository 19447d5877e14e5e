// What is done about a finding of the health monitor: a warning, a change of the verdict, a replacement.
import type { Settings } from '../options/settings.ts'
import type { World } from '../world.ts'
import type { Finding } from './health-history.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface HealthActionMeans {
  /** The health of the process has changed; the process has the new verdict. */
  healthChanged(process: WorkerProcess): void
  /** Resolves when a successor serves and the process has ended; rejects when no successor gets ready. */
  replace(process: WorkerProcess): Promise<void>
  /** Gets a successor while the process is being ended. */
  replaceStuck(process: WorkerProcess): void
}

/** Milliseconds that a process which was given up has to answer SIGTERM with any message. */
const PATIENCE = 2_000

export function healthActions(
  { logger, restart }: Pick<Settings, 'logger' | 'restart'>,
  world: World,
  means: HealthActionMeans,
): (process: WorkerProcess, finding: Finding, silence: number) => void {
  let isReplacing = false
  let notBefore = 0

  /** One process at a time: the clients of each need a moment to come back. */
  const replace = async (process: WorkerProcess, reason: string): Promise<void> => {
    if (isReplacing || world.now() < notBefore) return
    isReplacing = true
    logger.info('worker.replace', { worker: process.id, pid: process.pid, reason })
    try {
      await means.replace(process)
    } catch (error) {
      notBefore = world.now() + restart.retryDelay
      logger.error('worker.replace-failed', { worker: process.id, error })
    } finally {
      isReplacing = false
    }
  }

  return (process, finding, silence) => {
    const { id, pid, heartbeat } = process
    const fields = { worker: id, pid, silence: Math.round(silence), lag: heartbeat?.lag }
    switch (finding.type) {
      case 'slow':
        return logger.warn('worker.slow', fields)
      case 'unhealthy':
        logger.warn('worker.unhealthy', fields)
        process.healthy = false
        return means.healthChanged(process)
      case 'healthy':
        logger.info('worker.healthy', fields)
        process.healthy = true
        return means.healthChanged(process)
      case 'lost':
        logger.error('worker.stuck', fields)
        process.terminate(PATIENCE)
        return means.replaceStuck(process)
      case 'replace':
        return void replace(process, finding.reason)
    }
  }
}
