// The options of the command, and their way to its workers: an environment variable.
import { pathToFileURL } from 'node:url'
import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { describe } from '../errors.ts'
import type { StickyOptions } from '../options/options.ts'
import { show } from '../options/reader.ts'
import { UsageError, type Flags, type Run } from './arguments.ts'

const VARIABLE = 'HOLDFAST_COMMAND'

interface Launch {
  /** Absolute path of the file with options. */
  config: string | null
  flags: Flags
}

/** The environment variable for the workers. */
export function launchEnvironment({ config, flags }: Pick<Run, 'config' | 'flags'>): Record<string, string> {
  const launch: Launch = { config: config === undefined ? null : resolve(config), flags }
  return { [VARIABLE]: JSON.stringify(launch) }
}

/**
 * The options, in a worker.
 *
 * @returns undefined when this process is not a worker of the command
 */
export async function launchOptions(): Promise<StickyOptions | undefined> {
  const text = process.env[VARIABLE]
  if (text === undefined) return undefined
  const { config, flags } = JSON.parse(text) as Launch
  return optionsOf(config ?? undefined, flags)
}

/**
 * The options of the file, overridden by the flags.
 *
 * @param config - path of the file, as the user wrote it
 * @throws UsageError when the file has no options
 */
export async function optionsOf(config: string | undefined, flags: Flags): Promise<StickyOptions> {
  return { ...(config === undefined ? {} : await load(config)), ...flags }
}

async function load(config: string): Promise<object> {
  const path = resolve(config)
  const wrong = (what: string, cause?: unknown) => new UsageError(`--config ${config}: ${what}`, { cause })
  // Checked before, because an error of `import` names the file that imports.
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats?.isFile()) throw wrong(stats === undefined ? 'there is no such file' : 'expected a file, got a folder')
  const found = await read(path).catch((error: unknown) => {
    throw wrong(describe(error), error)
  })
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found
  const write = extname(path) === '.json' ? '{ "workers": 4 }' : 'export default { workers: 4 }'
  throw wrong(`expected an object of options, got ${show(found)}; write ${write}`)
}

async function read(path: string): Promise<unknown> {
  if (extname(path) === '.json') return JSON.parse(await readFile(path, 'utf8'))
  const module = (await import(pathToFileURL(path).href)) as { default?: unknown }
  return module.default
}
