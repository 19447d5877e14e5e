// Runs one of the project's programs as a user would, and ends its processes.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { until } from './clients.ts'

export interface Program {
  child: ChildProcess
  pid: number
  /** All output so far. */
  stdout(): string
  stderr(): string
  /** Resolves when stdout matches; rejects if the program ends first. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/**
 * Starts the program. The program and all its descendants end with the test.
 *
 * @param path - path of the compiled file, relative to build/, or an absolute path
 * @param cwd - working directory
 * @param nodeArgs - flags of Node
 */
export function startProgram(
  t: Test,
  path: string,
  args: string[] = [],
  env: Record<string, string> = {},
  cwd?: string,
  nodeArgs: readonly string[] = [],
): Program {
  const file = isAbsolute(path) ? path : fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const child = spawn(process.execPath, [...nodeArgs, file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    // An empty string counts as not set.
    env: { ...process.env, PORT: '', WEB_CONCURRENCY: '', REDIS_URL: '', ...env },
  })
  const pid = child.pid ?? -1
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  // 'close' and not 'exit': at 'exit' the last output may not have arrived.
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  t.teardown(async () => {
    const all = [pid, ...descendants(pid)].filter(isRunning)
    for (const one of all) process.kill(one, 'SIGKILL')
    await exited
  })
  return {
    child,
    pid,
    exited,
    stdout: () => stdout,
    stderr: () => stderr,
    async printed(pattern) {
      const ended = () => child.exitCode !== null || child.signalCode !== null
      // The limit is long, because a busy machine starts programs slowly.
      await until(`${path} prints ${pattern}`, () => pattern.test(stdout) || ended(), 30_000)
      const match = pattern.exec(stdout)
      if (match === null) throw new Error(`${path} ended before it printed ${pattern}:\n${stdout}${stderr}`)
      return match
    },
  }
}

/** Pids of all descendants of the process. */
export function descendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), statOf(Number(name))?.parent] as const)
  const children = parents.filter(([, parent]) => parent === pid).map(([child]) => child)
  return children.flatMap((child) => [child, ...descendants(child)])
}

/** State letter of the process in Linux: R running, S waiting, T stopped, Z ended; undefined without such a process. */
export function stateOf(pid: number): string | undefined {
  return statOf(pid)?.state
}

/** Whether the process runs. A zombie, which has ended but is not collected yet, does not run. */
export function isRunning(pid: number): boolean {
  const state = stateOf(pid)
  return state !== undefined && state !== 'Z' && state !== 'X'
}

function statOf(pid: number): { state: string | undefined; parent: number } | undefined {
  try {
    // The name in parentheses may contain any character.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return undefined // there is no such process
  }
}
