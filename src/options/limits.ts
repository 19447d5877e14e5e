// Reads the option `limits`.
import type { Reader } from './reader.ts'

/** Times in milliseconds; Infinity means no limit. */
export interface LimitsSettings {
  maxConnections: number
  maxPerAddress: number
  maxPending: number
  holdTimeout: number
  /** How far above the average load a worker may be, as a factor above 1; undefined: off. */
  loadFactor: number | undefined
  stickTimeout: number
}

export function readLimits(read: Reader): Readonly<LimitsSettings> {
  return read.group('limits', (group) => ({
    maxConnections: group.integer('maxConnections', { min: 1, max: 10_000_000, fallback: Infinity }),
    maxPerAddress: group.integer('maxPerAddress', { min: 1, max: 10_000_000, fallback: Infinity }),
    maxPending: group.integer('maxPending', { min: 1, max: 1_000_000, fallback: 4096 }),
    holdTimeout: group.milliseconds('holdTimeout', 5_000),
    loadFactor: readLoadFactor(group),
    stickTimeout: group.milliseconds('stickTimeout', 600_000),
  }))
}

function readLoadFactor(group: Reader): number | undefined {
  const value = group.raw('loadFactor')
  if (value === undefined || value === false) return undefined
  if (value === true) return 1.25
  if (typeof value === 'number' && value > 1 && value <= 1_000) return value
  throw group.wrong('loadFactor', RangeError, 'a number above 1, or true', '1.25', value)
}
