// A program that runs beside a demo: with a folder of its own, and gone when the demo is gone.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endOf, endWithUs } from './guard.ts'

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
  // Detached: a Ctrl-C in the terminal must not end it before the workers have finished.
  const child = spawn(command, args(folder), { stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  endWithUs(child, folder)
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
  while (!(await isUp())) await new Promise((done) => setTimeout(done, LOOK))
}
