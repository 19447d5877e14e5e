// The environment variables by which a service manager speaks with the one process it started: sd_listen_fds(3),
// sd_notify(3), sd_watchdog_enabled(3).
import { StickyError } from '../errors.ts'

/** A descriptor and what the manager calls it. */
export interface Passed {
  fd: number
  name: string
}

/** stdin, stdout and stderr come before. */
const FIRST = 3

type Environment = Record<string, string | undefined>

/**
 * Takes them out of the environment, so that nobody takes them twice.
 *
 * @returns none where there are none; `stranger` is the process they are for where that is another one
 * @throws StickyError HOLDFAST_BAD_ACTIVATION
 */
export function takeActivation(env: Environment): { passed: Passed[]; stranger?: string } {
  const { LISTEN_FDS: count, LISTEN_PID: pid, LISTEN_FDNAMES: names = '' } = env
  if (!count || !pid) return { passed: [] }
  if (Number(pid) !== process.pid) return { passed: [], stranger: pid }
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete env[name]
  if (!/^\d{1,6}$/.test(count)) {
    const hint = `LISTEN_FDS: expected the number of descriptors passed, from ${FIRST} on, got ${count}`
    throw new StickyError('HOLDFAST_BAD_ACTIVATION', hint)
  }
  const list = names.split(':')
  const passed = Array.from({ length: Number(count) }, (_, i) => ({ fd: FIRST + i, name: list[i] ?? '' }))
  return { passed }
}

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

/** Without them: a child that found them would speak in the primary's name, or take a strange descriptor for a socket. */
export function withoutManager(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const left = { ...env }
  for (const name of MANAGER_VARIABLES) delete left[name]
  return left
}
