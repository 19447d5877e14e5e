// An error that the user can correct ends a demo with one line and an exit code. Any other error is a bug and is
// thrown.
import { StickyError } from 'holdfast'
import { MissingProgram } from './companion.ts'
import { MissingRedis } from './private-redis.ts'

/** EX_CONFIG of sysexits.h, for an error that a second attempt would not correct. */
const BAD_CONFIGURATION = 78
const configuration = new Set(['HOLDFAST_BAD_OPTION', 'HOLDFAST_PORT_DENIED', 'HOLDFAST_PORT_IN_USE'])

/** @throws the error itself if the user cannot correct it */
export function endWith(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const missing = error instanceof MissingRedis || error instanceof MissingProgram
  const known = error instanceof StickyError || missing || configuration.has(code)
  if (!known || !(error instanceof Error)) throw error
  console.error(`${code}: ${error.message}`)
  process.exit(configuration.has(code) ? BAD_CONFIGURATION : 1)
}
