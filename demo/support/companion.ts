// A program that runs beside a demo. It has a folder of its own, and it ends when the demo ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endOf, endWithDemo } from './guard.ts'

/** The program is not installed, or it does not start. */
export class MissingProgram extends Error {
  readonly code = 'DEMO_PROGRAM_MISSING'
}

export interface Companion {
  command: string
  /** How to install the program. */
  install: string
  /** Returns the arguments; may write a configuration into the folder. */
  args: (folder: string) => string[]
  /** Whether the program is ready. */
  isUp: (folder: string) => Promise<boolean>
}

/** Milliseconds between two checks whether the program is ready. */
const CHECK_INTERVAL = 20

/** @throws MissingProgram */
export async function startCompanion({ command, install, args, isUp }: Companion): Promise<ChildProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'))
  // Detached: Ctrl-C in the terminal must not end the program before the workers have finished.
  const child = spawn(command, args(folder), { stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  endWithDemo(child, folder)
  const failed = once(child, 'exit').then(
    ([code, signal]) => endOf(command, code as number | null, signal as NodeJS.Signals | null),
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? `${command} is not installed; ${install}` : error.message,
  )
  let hasFailed = false
  const up = ready(async () => hasFailed || (await isUp(folder)))
  const problem = await Promise.race([up, failed])
  hasFailed = problem !== undefined
  if (problem !== undefined) throw new MissingProgram(problem)
  void failed.then((end) => console.error(`${end}; the demo has lost it.`))
  return child
}

async function ready(isUp: () => Promise<boolean>): Promise<undefined> {
  while (!(await isUp())) await new Promise((done) => setTimeout(done, CHECK_INTERVAL))
}
