// A second call of stickyListen joins the balancer of the first one, so its options about the balancer must be the same.
import { isDeepStrictEqual } from 'node:util'
import type { StickyOptions } from './options.ts'
import { misuse, show } from './reader.ts'
import type { Settings } from './settings.ts'

/** The options of a call as they were given, and after the check. */
export interface CheckedOptions {
  given: StickyOptions
  settings: Settings
}

/** Options about one listener. Every call may have its own. */
const PER_CALL = new Set(['port', 'host'])

/** Options that become objects which tell nothing when they are compared: only the same values as given are the same. */
const OPAQUE = new Set(['proxyProtocol', 'logger', 'signal'])

/**
 * Refuses an option of a second call that is not that of the first call. An option that is left out is.
 *
 * @throws RangeError with code HOLDFAST_BAD_OPTION
 */
export function checkSameBalancer(first: CheckedOptions, second: CheckedOptions): void {
  for (const name of Object.keys(second.given) as (keyof StickyOptions)[]) {
    const value = second.given[name]
    if (PER_CALL.has(name) || value === undefined || isDeepStrictEqual(value, first.given[name])) continue
    const isOff = name === 'proxyProtocol' && value === false && !first.given[name]
    if (isOff || (!OPAQUE.has(name) && isDeepStrictEqual(second.settings[name], first.settings[name]))) continue
    const of = 'which the first call of stickyListen has for the whole balancer'
    const expected = `stickyListen options.${name}: expected ${show(first.given[name] ?? first.settings[name])}, ${of}`
    throw misuse(RangeError, `${expected}, got ${show(value)}; leave ${name} out of the second call`)
  }
}
