// Starts one process, writes its log lines, and gives it so much time to get ready.
import type { Settings } from '../options/settings.ts'
import type { StartOutput } from './stderr-relay.ts'
import type { Program } from './fork.ts'
import type { WorkerExit } from './worker-exit.ts'
import { WorkerProcess } from './worker-process.ts'
import type { WorkerState } from './worker-state.ts'

export interface LaunchEvents {
  ready(worker: WorkerProcess): void
  state(worker: WorkerProcess, from: WorkerState): void
  /** The process takes no more connections but lives. */
  leaving(worker: WorkerProcess): void
  gone(worker: WorkerProcess, exit: WorkerExit): void
  message(worker: WorkerProcess, message: unknown): void
  /** Whether everything is being stopped, so that an end is no surprise. */
  stopping(): boolean
}

/** @throws Error of the system when no process can be started */
export function launch(
  post: { id: number; generation: number; program: Program },
  { logger, health }: Pick<Settings, 'logger' | 'health'>,
  output: StartOutput,
  on: LaunchEvents,
): WorkerProcess {
  const worker = new WorkerProcess(post.id, post.generation, post.program, {
    ready() {
      clearTimeout(timer)
      const { id, pid, startedAt } = worker
      const after = Math.round(performance.now() - startedAt)
      logger.info('worker.ready', { worker: id, pid, after, standby: id < 0 || undefined })
      on.ready(worker)
    },
    leaving(_, reason) {
      logger.info('worker.leave', { worker: worker.id, pid: worker.pid, reason })
      on.leaving(worker)
    },
    gone(_, exit) {
      clearTimeout(timer)
      output.show(worker.stderr)
      const { code, signal, failure } = exit
      const level = on.stopping() || worker.expected ? 'info' : 'warn'
      const uptime = Math.round(exit.uptime)
      logger[level]('worker.exit', { worker: worker.id, pid: worker.pid, code, signal, uptime, failure })
      on.gone(worker, exit)
    },
    state(_, from) {
      logger.debug('worker.state', { worker: worker.id, pid: worker.pid, from, state: worker.state })
      on.state(worker, from)
    },
    message: (_, message) => on.message(worker, message),
    unknown: () => logger.warn('worker.unknown-message', { worker: worker.id, pid: worker.pid }),
  })
  const timer = setTimeout(() => {
    logger.error('worker.not-ready', { worker: worker.id, pid: worker.pid, after: health.readyTimeout })
    worker.stop('SIGKILL', `not ready within health.readyTimeout, ${health.readyTimeout} ms`)
  }, health.readyTimeout)
  logger.debug('worker.start', { worker: post.id, pid: worker.pid })
  return worker
}
