// What a user can do something about ends a demo with one line and a code; anything else is a bug, and looks like one.
import { StickyError } from 'holdfast'
import { MissingProgram } from './companion.ts'
import { MissingRedis } from './private-redis.ts'

/** EX_CONFIG of sysexits.h, and what it is for: trying again would not help. */
const BAD_CONFIGURATION = 78
const configuration = new Set(['HOLDFAST_BAD_OPTION', 'HOLDFAST_PORT_DENIED', 'HOLDFAST_PORT_IN_USE'])

/** @throws the error itself where it is none of those */
export function endWith(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const missing = error instanceof MissingRedis || error instanceof MissingProgram
  const known = error instanceof StickyError || missing || configuration.has(code)
  if (!known || !(error instanceof Error)) throw error
  console.error(`${code}: ${error.message}`)
  process.exit(configuration.has(code) ? BAD_CONFIGURATION : 1)
}
