// `holdfast program.js`: this process is the primary, and the program runs in its workers.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { withoutDebugger } from '../options/debugger-flags.ts'
import { codeOf } from '../errors.ts'
import { readSettings } from '../options/settings.ts'
import { startSticky } from '../sticky-listen.ts'
import { plainForking, type Forking } from '../supervisor/fork.ts'
import { UsageError, type Run } from './arguments.ts'
import { launchEnvironment, optionsOf } from './launch-options.ts'

/** The workers load this file before the program. */
const PRELOAD = new URL('./preload.js', import.meta.url).href

/**
 * Starts the balancer. Resolves when every worker is ready.
 *
 * @throws UsageError for an invalid option; StickyError when the balancer cannot start
 */
export async function run(commandLine: Run): Promise<void> {
  const { program, args, nodeArgs, config, flags } = commandLine
  const exec = resolve(program)
  if (!statSync(exec, { throwIfNoEntry: false })?.isFile()) throw new UsageError(`there is no program ${program}`)
  const options = await optionsOf(config, flags)
  if ('exec' in options) throw new UsageError('--config: leave exec out; the command line names the program')
  const settings = readOptions({
    ...options,
    exec,
    args: args.length > 0 ? args : (options.args ?? []),
    env: { ...options.env, ...launchEnvironment(commandLine) },
    execArgv: [...(options.execArgv ?? withoutDebugger(process.execArgv)), ...nodeArgs, `--import=${PRELOAD}`],
  })
  if (settings.workers === 0)
    throw new UsageError('0 workers: there is nothing to balance; write node instead of holdfast')
  await startSticky(target, settings, forking).ready
}

const forking: Forking = {
  ...plainForking,
  readyHint: (port) => `the program must listen on process.env.PORT, which is ${port}`,
}

/** An invalid option is an error of the command line. */
function readOptions(options: object): ReturnType<typeof readSettings> {
  try {
    return readSettings(options, 'options')
  } catch (error) {
    if (codeOf(error) === 'HOLDFAST_BAD_OPTION') throw new UsageError((error as Error).message)
    throw error
  }
}

/** The primary never calls its target. */
function target(): never {
  throw new Error('the primary called its target')
}
