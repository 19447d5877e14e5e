// The program that a worker runs, and the start of its process.
import { fork, type ChildProcess } from 'node:child_process'
import { fstatSync, statSync } from 'node:fs'
import type { WorkerChannel } from '../ipc/channel.ts'

/** A program to run as a worker. */
export interface Program {
  exec: string
  args: readonly string[]
  cwd: string
  execArgv: readonly string[]
  env: NodeJS.ProcessEnv
  /** How the IPC channel encodes messages. */
  serialization: 'json' | 'advanced'
  /** Descriptors the child gets after its IPC channel, as its numbers 4, 5, ... */
  inherit: readonly number[]
  /** What the program has to do to get ready, for the log. */
  readyHint: string
  /** Starts the child. */
  fork: Fork
  /** Called as soon as the child has copies of `inherit`, or could not be started. */
  forked(isStarted: boolean): void
  /** Called with the channel to a child that was started, before any message comes over it. */
  opened(channel: WorkerChannel): void
}

/** Starts a child as `child_process.fork` does. */
export type Fork = (program: Omit<Program, 'readyHint' | 'fork' | 'forked' | 'opened'>) => ChildProcess

/** How worker processes are started. */
export interface Forking {
  fork: Fork
  /** Whether other code sends handles over the channels to these processes too, as node:cluster does. */
  readonly isShared: boolean
  /** Whether other code relays the messages of Socket.IO's adapter in that process. */
  relays(child: ChildProcess): boolean
  /** What the program has to do to get ready, for the log. `port`: of the balancer. */
  readyHint: (port: number) => string
}

export const plainForking: Forking = {
  fork: ({ exec, args, cwd, execArgv, env, serialization, inherit }) =>
    fork(exec, [...args], { cwd, execArgv: [...execArgv], env, serialization, stdio: stdioOf(inherit) }),
  isShared: false,
  relays: () => false,
  readyHint: () => 'the program must call stickyListen, and a target function must return its server',
}

/**
 * The worker has no stdin; its stderr comes to the primary. Its stdout does where several processes would cut up each
 * other's lines: in a pipe or a socket. A file takes each write whole, and a program may ask whether it has a terminal.
 */
export function stdioOf(inherit: readonly number[]): ('ignore' | 'inherit' | 'pipe' | 'ipc' | number)[] {
  return ['ignore', isStream(1) ? 'pipe' : 'inherit', 'pipe', 'ipc', ...inherit]
}

function isStream(fd: number): boolean {
  try {
    const stats = fstatSync(fd)
    return stats.isFIFO() || stats.isSocket()
  } catch {
    return false // this process has no such descriptor
  }
}

/** @throws Error of the system when no process can be started */
export function start(program: Program): ChildProcess {
  // Node's own error would say that node itself was not found.
  if (!statSync(program.cwd, { throwIfNoEntry: false })?.isDirectory()) {
    program.forked(false)
    throw new Error(`there is no working directory ${program.cwd}`)
  }
  let child: ChildProcess | undefined
  try {
    child = program.fork(program)
    return child
  } finally {
    program.forked(child !== undefined)
  }
}
