#!/usr/bin/env node
// The command `holdfast`: any program that serves TCP or HTTP, clustered and sticky, without a change.
import { readFileSync } from 'node:fs'
import { control } from './command/control.ts'
import { readArguments, usage, UsageError } from './command/arguments.ts'
import { run } from './command/run.ts'
import { describe } from './errors.ts'

/** EX_USAGE of sysexits.h. */
const BAD_USAGE = 64

try {
  const asked = readArguments(process.argv.slice(2))
  if (asked.command === 'help') process.stdout.write(usage())
  else if (asked.command === 'version') process.stdout.write(`${version()}\n`)
  else if (asked.command === 'run') await run(asked)
  else process.exitCode = await control(asked)
} catch (error) {
  process.stderr.write(`holdfast: ${describe(error)}\n`)
  if (error instanceof UsageError) process.stderr.write('`holdfast --help` shows what there is.\n')
  process.exitCode = error instanceof UsageError ? BAD_USAGE : 1
}

/** The version in package.json, as seen from the compiled file. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
