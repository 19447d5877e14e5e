// A program that runs beside a demo: with a folder of its own, and gone when the demo is gone.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** It is not installed, or does not start. */
export class MissingProgram extends Error {
  readonly code = 'DEMO_PROGRAM_MISSING'
}

export interface Companion {
  command: string
  /** How to get it, for those who do not have it. */
  install: string
  /** May write its configuration into the folder. */
  args: (folder: string) => string[]
  /** Whether it does its work already. */
  isUp: (folder: string) => Promise<boolean>
}

/** Milliseconds between two looks whether it is up. */
const LOOK = 20

/** @throws MissingProgram */
export async function startCompanion({ command, install, args, isUp }: Companion): Promise<ChildProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  // Detached: a Ctrl-C in the terminal must not end it before the workers have finished.
  const child = spawn(command, args(folder), { stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  process.once('exit', () => child.kill())
  const failed = once(child, 'exit').then(
    ([code]) => `${command} ended with code ${String(code)}`,
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? `${command} is not installed; ${install}` : error.message,
  )
  endWithUs(child, folder)
  const problem = await Promise.race([ready(() => isUp(folder)), failed])
  if (problem !== undefined) throw new MissingProgram(problem)
  void failed.then((end) => console.error(`${end}; the demo has lost it.`))
  return child
}

async function ready(isUp: () => Promise<boolean>): Promise<undefined> {
  while (!(await isUp())) await new Promise((done) => setTimeout(done, LOOK))
}

/** The 'exit' event does not come when this process is killed by SIGKILL; the end of a pipe does. */
function endWithUs(child: ChildProcess, folder: string): void {
  if (child.pid === undefined) return
  const script = 'read -r _; kill "$1" 2>/dev/null; rm -rf "$2"'
  const guard = spawn('sh', ['-c', script, 'sh', String(child.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a shell it is only tidiness that suffers.
  guard.on('error', () => {})
  guard.unref()
  child.once('exit', () => guard.kill())
}
