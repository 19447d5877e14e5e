// The environment variables of a service manager: those that pass descriptors to this process (sd_listen_fds(3)), and
// the list of all, which the workers must not inherit.
import { StickyError } from '../errors.ts'

/** A descriptor that the service manager passed, and the name that the manager gave it. */
export interface PassedDescriptor {
  fd: number
  name: string
}

/** stdin, stdout and stderr come before. */
const FIRST_DESCRIPTOR = 3

type Environment = Record<string, string | undefined>

/**
 * Reads the passed descriptors and removes their variables from the environment, so that they are read only once.
 *
 * @returns `otherPid`: the descriptors are for the process with this pid, so `passed` is empty
 * @throws StickyError HOLDFAST_BAD_ACTIVATION
 */
export function takeActivation(env: Environment): { passed: PassedDescriptor[]; otherPid?: string } {
  const { LISTEN_FDS: count, LISTEN_PID: pid, LISTEN_FDNAMES: names = '' } = env
  if (!count || !pid) return { passed: [] }
  if (Number(pid) !== process.pid) return { passed: [], otherPid: pid }
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete env[name]
  if (!/^\d{1,6}$/.test(count)) {
    throw new StickyError('HOLDFAST_BAD_ACTIVATION', `LISTEN_FDS: expected a number of descriptors, got ${count}`)
  }
  const list = names.split(':')
  const passed = Array.from({ length: Number(count) }, (_, i) => ({ fd: FIRST_DESCRIPTOR + i, name: list[i] ?? '' }))
  return { passed }
}

/** The variables of sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3). They are for one process only. */
const MANAGER_VARIABLES = [
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'LISTEN_FDNAMES',
  'FDSTORE',
] as const

/**
 * The environment for the workers. With these variables a worker would send messages in the name of the primary, or
 * take a descriptor of its own for a passed socket.
 */
export function withoutManagerVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const left = { ...env }
  for (const name of MANAGER_VARIABLES) delete left[name]
  return left
}
