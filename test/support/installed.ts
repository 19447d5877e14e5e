// Whether a program that a test needs is installed.
import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/**
 * Value for tap's `skip` option: false if the program is installed, else the reason. CI must have all programs, so
 * there
 * the test runs and fails.
 *
 * @param program - a name on the PATH, or an absolute path
 */
export function missing(program: string): string | false {
  const places = isAbsolute(program) ? [''] : (process.env['PATH'] ?? '').split(delimiter)
  if (process.env['CI'] || places.some((folder) => isExecutable(join(folder, program)))) return false
  return `${program} is not installed`
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
