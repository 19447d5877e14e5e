// Whether this process is a primary or a worker. The environment that the primary gives to its workers decides.
import { readFileSync } from 'node:fs'
import type { WorkerSetup } from './messages.ts'

const SETUP = 'HOLDFAST_SETUP'
const PRIMARY = 'HOLDFAST_PRIMARY'
const CLAIMED = 'HOLDFAST_WORKER_PID'

/** The environment variables that make a child process a worker. HOLDFAST_WORKER is for the application to read. */
export function workerEnvironment(setup: WorkerSetup): Record<string, string> {
  return {
    HOLDFAST_WORKER: setup.id < 0 ? 'standby' : String(setup.id),
    [PRIMARY]: String(process.pid),
    [SETUP]: JSON.stringify(setup),
    [CLAIMED]: '',
  }
}

/**
 * The setup of this worker; undefined where this process is no worker.
 *
 * A worker's own child processes inherit its environment, and they are no workers. So the first process that calls this
 * claims the variables with its pid. Before that, a process is the worker if its parent is the primary that is named
 * there, or if that primary is dead: an orphan must not start a balancer of its own.
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

/** Whether this process may be a worker: {@link workerSetup} decides it, and claims the role. */
export function hasWorkerSetup(): boolean {
  return Boolean(process.env[SETUP]) && process.send !== undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A process that has ended keeps its pid (states Z and X) until its parent collects it. Where the first process of
    // a container collects none, that is for ever.
    return process.platform !== 'linux' || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false // there is no such process
  }
}
