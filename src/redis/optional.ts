// Optional packages: an application installs one for the feature that needs it, so it is loaded with the feature.
import { createRequire } from 'node:module'
import { codeOf, StickyError } from '../errors.ts'

const load = createRequire(import.meta.url)

/**
 * @param name - of the package
 * @param what - what needs it, for the message
 * @returns what the package exports
 * @throws StickyError HOLDFAST_MISSING_PACKAGE with the command that installs it
 */
export function requireOptional(name: string, what: string): unknown {
  try {
    return load(name)
  } catch (error) {
    if (codeOf(error) !== 'MODULE_NOT_FOUND') throw error
    throw new StickyError('HOLDFAST_MISSING_PACKAGE', `${what} needs ${name}; run npm install ${name}`, error)
  }
}
