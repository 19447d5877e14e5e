// Am I the primary or a worker? Decided by the environment that the primary gave, in one place.
import { readFileSync } from 'node:fs'
import type { WorkerSetup } from './messages.ts'

const SETUP = 'HOLDFAST_SETUP'
const PRIMARY = 'HOLDFAST_PRIMARY'
const CLAIMED = 'HOLDFAST_WORKER_PID'

/** The environment that makes a child a worker. HOLDFAST_WORKER is for the application to read. */
export function workerEnvironment(setup: WorkerSetup): Record<string, string> {
  return {
    HOLDFAST_WORKER: setup.id < 0 ? 'standby' : String(setup.id),
    [PRIMARY]: String(process.pid),
    [SETUP]: JSON.stringify(setup),
    [CLAIMED]: '',
  }
}

/**
 * The setup if this process is a worker, undefined if it is a primary.
 *
 * A worker's own children inherit its environment; they are not workers. So the first to look claims the variables
 * with its pid, and before that the parent must be the primary named there (or be gone: an orphan must not start a
 * balancer of its own).
 */
export function workerSetup(): WorkerSetup | undefined {
  const { [SETUP]: setup, [PRIMARY]: primary, [CLAIMED]: claimed } = process.env
  if (!setup || process.send === undefined) return undefined
  if (claimed ? Number(claimed) !== process.pid : process.ppid !== Number(primary) && isAlive(Number(primary))) {
    return undefined
  }
  process.env[CLAIMED] = String(process.pid)
  return JSON.parse(setup) as WorkerSetup
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // Also gone is who ended and was not collected by its parent yet; in a container whose first process collects
    // nobody, for ever.
    return process.platform !== 'linux' || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false // no such process: that is the answer
  }
}
