// `holdfast program.js`: this process is the primary, and the program runs in its workers.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { withoutDebugger } from '../options/debugger-flags.ts'
import { codeOf } from '../errors.ts'
import { readSettings } from '../options/settings.ts'
import { startSticky } from '../sticky-listen.ts'
import { UsageError, type Run } from './arguments.ts'
import { launchEnvironment, optionsOf } from './launch-options.ts'

/** Loaded in the workers before the program. */
const PRELOAD = new URL('./preload.js', import.meta.url).href

/** @throws Error that says why it can not be run */
export async function run(asked: Run): Promise<void> {
  const { program, args, nodeArgs, config, flags } = asked
  const exec = resolve(program)
  if (!statSync(exec, { throwIfNoEntry: false })?.isFile()) throw new UsageError(`there is no program ${program}`)
  const options = await optionsOf(config, flags)
  if ('exec' in options) throw new UsageError('--config: the program is named on the command line, so leave exec out')
  const settings = checked({
    ...options,
    exec,
    args: args.length > 0 ? args : (options.args ?? []),
    env: { ...options.env, ...launchEnvironment(asked) },
    execArgv: [...(options.execArgv ?? withoutDebugger(process.execArgv)), ...nodeArgs, `--import=${PRELOAD}`],
  })
  if (settings.workers === 0) throw new UsageError('0 workers would balance nothing; write node instead of holdfast')
  await startSticky(nobody, settings).ready
}

/** What is wrong with the options is wrong with the command line. */
function checked(options: object): ReturnType<typeof readSettings> {
  try {
    return readSettings(options, 'options')
  } catch (error) {
    if (codeOf(error) === 'HOLDFAST_BAD_OPTION') throw new UsageError((error as Error).message)
    throw error
  }
}

/** The target of the primary: never called. */
function nobody(): never {
  throw new Error('this is the primary')
}
