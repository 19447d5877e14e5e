// `holdfast program.js`: this process is the primary, and the program runs in its workers.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { withoutDebugger } from '../options/debugger-flags.ts'
import { codeOf } from '../errors.ts'
import { throughLink, workingDirectory } from '../options/release-path.ts'
import { readSettings } from '../options/settings.ts'
import { startSticky } from '../sticky-listen.ts'
import { plainForking, type Forking } from '../supervisor/fork.ts'
import { UsageError, type Run } from './arguments.ts'
import { launchEnvironment, optionsOf } from './launch-options.ts'

/** The workers load this file before the program. */
const PRELOAD = fileURLToPath(new URL('./preload.js', import.meta.url))

/**
 * Starts the balancer. Resolves when every worker is ready.
 *
 * @throws UsageError for an invalid option; StickyError when the balancer cannot start
 */
export async function run(commandLine: Run): Promise<void> {
  const { program, args, nodeArgs, config, flags } = commandLine
  const started = workingDirectory()
  const options = await optionsOf(config, flags)
  const cwd = resolve(started, pathOf(options.cwd ?? '.'))
  const exec = resolve(cwd, program)
  if (!statSync(exec, { throwIfNoEntry: false })?.isFile()) throw new UsageError(`there is no program ${program}`)
  // This file's own path has no symbolic links any more. A release that brings its own Holdfast loads that one.
  const preload = pathToFileURL(throughLink(PRELOAD, [cwd, exec, started, process.argv[1] ?? started]))
  const launch = launchEnvironment({ config: config === undefined ? undefined : resolve(started, config), flags })
  const { env } = options
  if ('exec' in options) throw new UsageError('--config: leave exec out; the command line names the program')
  const settings = readOptions({
    ...options,
    exec,
    cwd,
    args: args.length > 0 ? args : (options.args ?? []),
    env: typeof env === 'function' ? (worker: number) => ({ ...env(worker), ...launch }) : { ...env, ...launch },
    execArgv: [...(options.execArgv ?? withoutDebugger(process.execArgv)), ...nodeArgs, `--import=${preload.href}`],
  })
  if (settings.workers === 0)
    throw new UsageError('0 workers: there is nothing to balance; write node instead of holdfast')
  await startSticky(target, settings, forking).ready
}

const forking: Forking = {
  ...plainForking,
  readyHint: (port) => `the program must listen on process.env.PORT, which is ${port}`,
}

function pathOf(path: string | URL): string {
  return path instanceof URL ? fileURLToPath(path) : path
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
