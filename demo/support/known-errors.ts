// An error that the user can correct ends a demo with one line and an exit code. Any other error is a bug and is
// thrown.
import { StickyError } from 'holdfast'
import { MissingProgram } from './companion.ts'
import { MissingRedis } from './private-redis.ts'

/** EX_USAGE of sysexits.h, as the command `holdfast` has it: what the user wrote is invalid. */
const BAD_USAGE = 64

/** @throws the error itself if the user cannot correct it */
export function endWith(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const missing = error instanceof MissingRedis || error instanceof MissingProgram
  const isMisuse = code === 'HOLDFAST_BAD_OPTION'
  const known = error instanceof StickyError || missing || isMisuse
  if (!known || !(error instanceof Error)) throw error
  console.error(`${code}: ${error.message}`)
  process.exit(isMisuse ? BAD_USAGE : 1)
}
