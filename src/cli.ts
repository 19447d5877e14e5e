#!/usr/bin/env node
// The command `holdfast`: any program that serves TCP or HTTP, clustered and sticky, without a change.
import { control } from './command/control.ts'
import { readArguments, usage, UsageError } from './command/arguments.ts'
import { run } from './command/run.ts'
import { version } from './command/version.ts'
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
