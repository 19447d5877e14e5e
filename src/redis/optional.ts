// Optional packages: an application installs one for the feature that needs it, so it is loaded with the feature.
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { codeOf, StickyError } from '../errors.ts'

/** Programs of other processes that this one loads packages for. */
const programs = new Set<string>()

/** Looks beside this program from now on, too. The primary does for its workers what needs their packages. */
export function lookBeside(program: string): void {
  programs.add(program)
}

/**
 * Loads a package that is installed beside the program or beside Holdfast. In a workspace, npm puts Holdfast into the
 * common folder and a package of the application sometimes into the application's own.
 *
 * @param name - of the package
 * @param what - what needs it, for the message
 * @returns what the package exports
 * @throws StickyError HOLDFAST_MISSING_PACKAGE with the command that installs it
 */
export function requireOptional(name: string, what: string): unknown {
  const beside = [...programs, ownProgram()].flatMap(placesOf).map((place) => createRequire(place))
  let missing: unknown
  for (const load of [...beside, createRequire(import.meta.url)]) {
    try {
      load.resolve(name)
    } catch (error) {
      if (codeOf(error) !== 'MODULE_NOT_FOUND') throw error
      missing = error
      continue
    }
    return load(name)
  }
  throw new StickyError('HOLDFAST_MISSING_PACKAGE', `${what} needs ${name}; run npm install ${name}`, missing)
}

/** The program of this process. Without one (`node -e`) Node looks for packages in the working directory. */
export function ownProgram(): string {
  const [, program = ''] = process.argv
  return isAbsolute(program) ? program : process.cwd()
}

/** Where Node would look from the program: from where it is, and from where a link leads to. */
function placesOf(program: string): string[] {
  let target = program
  try {
    target = realpathSync(program)
  } catch {
    // The program was removed since it was loaded.
  }
  // A program may be a folder. Below a file Node finds nothing, and goes on with the folders above.
  return [join(target, 'any'), join(program, 'any')]
}
