// Optional packages: needed only by those who use the feature, so loaded when it is.
import { createRequire } from 'node:module'
import { codeOf, StickyError } from '../errors.ts'

const load = createRequire(import.meta.url)

/** @throws StickyError HOLDFAST_MISSING_PACKAGE with the command that installs it */
export function requireOptional(name: string, what: string): unknown {
  try {
    return load(name)
  } catch (error) {
    if (codeOf(error) !== 'MODULE_NOT_FOUND') throw error
    throw new StickyError('HOLDFAST_MISSING_PACKAGE', `${what} needs ${name}; run npm install ${name}`, error)
  }
}
