// Whether a program that a test needs is there.
import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/**
 * For tap's `skip` option: false when the program is there, else the reason. On CI everything has to be there, so the
 * test runs and fails.
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
