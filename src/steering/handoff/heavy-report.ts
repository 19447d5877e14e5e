// Tells of one address that has more than a worker should: nobody but the operator can do anything about it.
import { addressText } from '../../affinity/address.ts'
import type { Logger } from '../../options/options.ts'
import type { World } from '../../world.ts'

/** Milliseconds between two log lines. */
const QUIET = 60_000

/** @returns takes the client's key in hex and its share of all connections, 0 to 1 */
export function heavyReport(logger: Logger, world: Pick<World, 'now'>): (key: string, share: number) => void {
  let saidAt = -Infinity
  return (key, share) => {
    const now = world.now()
    if (now - saidAt < QUIET) return
    saidAt = now
    const hint = 'NAT or a proxy? turn on the session layer or the PROXY protocol'
    logger.warn('address.heavy', { address: textOf(Buffer.from(key, 'hex')), percent: Math.round(share * 100), hint })
  }
}

/** Keys of 8 bytes are one half of an IPv6 address. */
function textOf(key: Buffer): string {
  return key.length === 8 ? `${addressText(Buffer.concat([key, Buffer.alloc(8)]))}/64` : addressText(key)
}
