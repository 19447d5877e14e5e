// What a worker runs, and its start.
import { fork, type ChildProcess } from 'node:child_process'

/** What to run. */
export interface Program {
  exec: string
  args: readonly string[]
  execArgv: readonly string[]
  env: NodeJS.ProcessEnv
  /** Of the IPC channel. */
  serialization: 'json' | 'advanced'
  /** Descriptors the child gets after its IPC channel, as its numbers 4, 5, ... */
  inherit: readonly number[]
  /** Called as soon as the child has them; undefined when it could not be started. */
  forked(child: ChildProcess | undefined): void
}

/** @throws Error of the system when no process can be started */
export function start(program: Program): ChildProcess {
  let child: ChildProcess | undefined
  try {
    child = fork(program.exec, [...program.args], {
      execArgv: [...program.execArgv],
      env: program.env,
      serialization: program.serialization,
      stdio: ['ignore', 'inherit', 'pipe', 'ipc', ...program.inherit],
    })
    return child
  } finally {
    program.forked(child)
  }
}
