// The error of whoever asks the others while they can not be reached.
import { StickyError } from '../errors.ts'

/** @param why - who is away */
export function unavailable(why: string, cause?: unknown): StickyError {
  return new StickyError('HOLDFAST_BUS_AWAY', why, cause)
}
