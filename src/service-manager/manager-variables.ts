// The environment variables by which a service manager speaks with the one process it started: sd_notify(3),
// sd_watchdog_enabled(3), sd_listen_fds(3).

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
