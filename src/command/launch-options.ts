// The options of the command, and their way to its workers: an environment variable.
import { pathToFileURL } from 'node:url'
import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { describe } from '../errors.ts'
import type { StickyOptions } from '../options/options.ts'
import type { Flags, Run } from './arguments.ts'

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
 * @throws Error when the file cannot be read
 */
export async function optionsOf(config: string | undefined, flags: Flags): Promise<StickyOptions> {
  return { ...(config === undefined ? {} : await load(resolve(config))), ...flags }
}

async function load(path: string): Promise<object> {
  const found = await read(path).catch((error: unknown) => {
    throw new Error(`--config ${path}: ${describe(error)}`, { cause: error })
  })
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found
  throw new TypeError(`--config ${path}: expected an object of options; write export default { … }`)
}

async function read(path: string): Promise<unknown> {
  if (extname(path) === '.json') return JSON.parse(await readFile(path, 'utf8'))
  const module = (await import(pathToFileURL(path).href)) as { default?: unknown }
  return module.default
}
