// Reports of Node's watch mode: a process that `node --watch` has started, and each of its descendants, sends a message to
// its parent for each file that it loads as a module. Only the direct child of `node --watch` reaches it so.

import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The variable by which Node asks a process for reports. Descendants inherit it. */
const VARIABLE = 'WATCH_REPORT_DEPENDENCIES'

/** The environment of a process that is to report the files that it loads. */
export const REPORTING: Readonly<Record<string, string>> = { [VARIABLE]: '1' }

/**
 * The files of a report, as absolute paths.
 *
 * @returns undefined where the message is none
 */
export function reportedFiles(message: unknown): string[] | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  const required: unknown = Reflect.get(message, 'watch:require')
  const imported: unknown = Reflect.get(message, 'watch:import')
  if (!Array.isArray(required) && !Array.isArray(imported)) return undefined
  return [...textsOf(required), ...textsOf(imported).flatMap(pathOf)]
}

/** Passes a worker's report on to `node --watch`, where this process was started by it. */
export function passUp(message: unknown): void {
  if (!process.env[VARIABLE] || !process.connected) return
  // Without a callback, a failed write is an 'error' event, which ends the process.
  process.send?.(message, undefined, undefined, () => {})
}

/**
 * The channel to the parent is closed: this process reports nothing any more. Node would emit an error, which ends the
 * process, for each module that the program loads in its last words.
 */
export function stopReports(): void {
  if (process.env[VARIABLE]) Reflect.deleteProperty(process, 'send')
}

/**
 * Processes that this one starts report nothing: their reports would be messages to the program, and their changes no
 * reason for a reload.
 */
export function keepReports(): void {
  if (!process.env[VARIABLE]) return
  // An import would load the module into every worker.
  const { ChildProcess } = process.getBuiltinModule('node:child_process')
  const inside = ChildProcess.prototype as unknown as { spawn: (options: { envPairs?: string[] }) => unknown }
  const { spawn } = inside
  inside.spawn = function (this: ChildProcess, options) {
    const envPairs = options.envPairs?.filter((pair) => !pair.startsWith(`${VARIABLE}=`))
    return Reflect.apply(spawn, this, [{ ...options, ...(envPairs === undefined ? {} : { envPairs }) }])
  }
}

function textsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : []
}

/** Modules that are no files, such as `node:fs` and `data:` URLs, are reported too. */
function pathOf(url: string): string[] {
  try {
    return [fileURLToPath(url)]
  } catch {
    return []
  }
}
