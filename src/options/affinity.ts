// Reads the option `affinity`.
import type { AffinitySettings } from '../affinity/address.ts'
import { fingerprint32 } from '../slots/hash.ts'
import type { Reader } from './reader.ts'

export function readAffinity(read: Reader): Readonly<AffinitySettings> {
  return read.group('affinity', (group) => ({
    ipv4Prefix: group.integer('ipv4Prefix', { min: 1, max: 32, fallback: 32 }),
    ipv6Prefix: group.integer('ipv6Prefix', { min: 1, max: 128, fallback: 64 }),
    seed: readSeed(group),
  }))
}

/** Every host makes the same number of the same text. */
function readSeed(group: Reader): number {
  const value = group.raw('seed')
  if (value === undefined) return 0
  if (typeof value === 'string' && value !== '') return fingerprint32(Buffer.from(value))
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value
  throw group.wrong('seed', TypeError, 'an integer from 0 to 4294967295 or a text', "'any secret text'", value)
}
