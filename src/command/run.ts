// `holdfast program.js`: this process is the primary, and the program runs in its workers.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { withoutDebugger } from '../options/debugger-flags.ts'
import type { StickyOptions } from '../options/options.ts'
import { show } from '../options/reader.ts'
import { isFolder, throughLink, workingDirectory } from '../options/release-path.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { WORKER_COUNT } from '../options/worker-count.ts'
import { startSticky } from '../sticky-listen.ts'
import { plainForking, type Forking } from '../supervisor/fork.ts'
import { asUsage, flagged, flagsAfterProgram, UsageError, type Flags, type Run } from './arguments.ts'
import { launchEnvironment, optionsOf } from './launch-options.ts'
import { programHint } from './program-hint.ts'
import { watchEnvironment, WatchMode, watchOptions } from './watch-mode.ts'

/** The workers load this file before the program. */
const PRELOAD = fileURLToPath(new URL('./preload.js', import.meta.url))

/**
 * Starts the balancer. Resolves when every worker is ready.
 *
 * @throws UsageError for an invalid option; StickyError when the balancer cannot start
 */
export async function run(commandLine: Run): Promise<void> {
  const { program, args, nodeArgs, config, watch, flags } = commandLine
  const started = workingDirectory()
  const fromFile = await optionsOf(config, flags)
  const options = watch === undefined ? fromFile : watchOptions(fromFile)
  const name = config === undefined ? 'options' : `${config} options`
  if ('exec' in options) throw new UsageError(`${name}.exec: leave exec out; the command line names the program`)
  const cwd = resolve(started, pathOf(options.cwd ?? '.'))
  if (!isFolder(cwd)) {
    const where = flags.cwd === undefined ? `${name}.cwd` : '--cwd'
    throw new UsageError(`${where}: expected the path of a folder, got ${show(options.cwd)}; there is no folder ${cwd}`)
  }
  const exec = resolve(cwd, program)
  if (!statSync(exec, { throwIfNoEntry: false })?.isFile()) {
    throw new UsageError(`there is no program ${program}; ${programHint(program, args, cwd)}`)
  }
  // This file's own path has no symbolic links any more. A release that brings its own Holdfast loads that one.
  const preload = pathToFileURL(throughLink(PRELOAD, [cwd, exec, started, process.argv[1] ?? started]))
  const launch = launchEnvironment({ config: config === undefined ? undefined : resolve(started, config), flags })
  const { env } = options
  // Before the settings are read: the workers' environment is one of them.
  const own = { ...launch, ...(watch === undefined ? {} : watchEnvironment(watch.paths)) }
  const given = {
    ...options,
    exec,
    cwd,
    args: args.length > 0 ? args : (options.args ?? []),
    env: typeof env === 'function' ? (worker: number) => ({ ...env(worker), ...own }) : { ...env, ...own },
    execArgv: [...(options.execArgv ?? withoutDebugger(process.execArgv)), ...nodeArgs, `--import=${preload.href}`],
  }
  const settings = asUsage(() => readSettings(given, name, flagged(flags)))
  if (settings.workers === 0) throw noWorkers(options, flags, name, program)
  hintAtFlags(settings, program, args)
  const watching = settings.execArgv.find((flag) => /^--watch\b/.test(flag))
  if (watching !== undefined) {
    throw new UsageError(`--node ${watching}: the processes cannot watch; write holdfast --watch ${program}`)
  }
  const watchMode = watch === undefined ? undefined : new WatchMode(watch.paths, cwd, settings.logger)
  const sticky = startSticky(target, settings, {
    forking,
    isCommand: true,
    onLoaded: (files) => watchMode?.loaded(files),
  })
  if (sticky.role === 'primary') watchMode?.start(sticky)
  await sticky.ready
}

const forking: Forking = {
  ...plainForking,
  readyHint: (port) => `the program must listen on process.env.PORT, which is ${port}`,
}

function pathOf(path: string | URL): string {
  return path instanceof URL ? fileURLToPath(path) : path
}

/** `workers: 0` means one process without a balancer, and the program itself knows of no balancer. */
function noWorkers({ workers }: StickyOptions, flags: Flags, name: string, program: string): UsageError {
  const [where, write] =
    flags.workers !== undefined
      ? ['--workers', '--workers 4']
      : workers !== undefined
        ? [`${name}.workers`, 'workers: 4']
        : ['environment variable WEB_CONCURRENCY', 'WEB_CONCURRENCY=4']
  const instead = `or for one process without a balancer: node ${program}`
  return new UsageError(`${where}: expected ${WORKER_COUNT}, got 0; write ${write}, ${instead}`)
}

/** A flag of the command after the program goes to the program, which may not know the flag and say nothing. */
function hintAtFlags({ logger }: Settings, program: string, args: readonly string[]): void {
  const found = flagsAfterProgram(args)
  if (found.length === 0) return
  const flags = found.join(' ')
  const hint = `flags after the program go to the program; for holdfast itself write holdfast ${flags} ${program}`
  logger.info('command.flags-after-program', { flags, hint })
}

/** The primary never calls its target. */
function target(): never {
  throw new Error('the primary called its target')
}
