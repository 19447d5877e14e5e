// Errors in a command line.

/** The command line is invalid. */
export class UsageError extends Error {}

/** EX_USAGE of sysexits.h. */
export const USAGE = 64

/** @throws UsageError */
export function integer(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = text === '' ? Number.NaN : Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new UsageError(`--${name}: expected an integer from ${least} to ${most}, got '${text}'`)
}
