#!/usr/bin/env node
// The command `holdfast`: runs an unchanged program that listens on a TCP port, in several processes.
import { readFileSync } from 'node:fs'
import { control } from './command/control.ts'
import { readArguments, usage, UsageError } from './command/arguments.ts'
import { run } from './command/run.ts'
import { describe } from './errors.ts'

/** Exit code of an invalid command line: EX_USAGE of sysexits.h. */
const BAD_USAGE = 64

try {
  const commandLine = readArguments(process.argv.slice(2))
  if (commandLine.command === 'help') process.stdout.write(usage())
  else if (commandLine.command === 'version') process.stdout.write(`${version()}\n`)
  else if (commandLine.command === 'run') await run(commandLine)
  else process.exitCode = await control(commandLine)
} catch (error) {
  process.stderr.write(`holdfast: ${describe(error)}\n`)
  if (error instanceof UsageError) process.stderr.write('`holdfast --help` lists the options.\n')
  process.exitCode = error instanceof UsageError ? BAD_USAGE : 1
}

/** The path is relative to the compiled file. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
