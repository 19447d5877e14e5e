// From an affinity key to its slot: key bytes -> uint32 -> slot.
import { createRequire } from 'node:module'
import type * as FarmHash from 'farmhash'
import { fingerprint32 as portable } from './fingerprint32.ts'

/** The number of slots. It never changes: several hosts, and a host before and after a restart, must agree on it. */
export const SLOTS = 256

let loaded: ((key: Buffer) => number) | undefined
let reason: string | undefined

/** FarmHash `fingerprint32` of a key as uint32: the same in all versions, on all platforms and byte orders. */
export function fingerprint32(key: Buffer): number {
  loaded ??= load()
  return loaded(key)
}

/** Why the native FarmHash is not in use; undefined where it is. */
export function fallbackReason(): string | undefined {
  loaded ??= load()
  return reason
}

/** The slot of a hash, 0..255. */
export function slotOf(hash: number): number {
  return hash % SLOTS
}

/** The slot of a key, 0..255. */
export function slotOfKey(key: Buffer, seed: number): number {
  return slotOf(fingerprint32(seeded(key, seed)))
}

/**
 * The key XOR the seed. The four bytes of the seed (big-endian) repeat over the key. With a secret seed an attacker
 * cannot choose addresses that all reach one worker. Hosts with the same seed agree on every client.
 *
 * @returns the key itself without a seed, else a copy
 */
export function seeded(key: Buffer, seed: number): Buffer {
  if (seed === 0) return key
  const out = Buffer.allocUnsafe(key.length)
  for (let i = 0; i < key.length; i++) out[i] = key.readUInt8(i) ^ (seed >>> (24 - (i & 3) * 8))
  return out
}

/**
 * Loads the native FarmHash, or takes the portable one. That happens on the first use, because a worker hashes nothing
 * unless a session rule gives it a key, and the primary starts its workers first.
 */
function load(): (key: Buffer) => number {
  const require = createRequire(import.meta.url)
  try {
    // The prebuilt addon itself. The package looks for the C library first, which takes ten milliseconds.
    return (require(`farmhash/build/farmhash-${process.platform}-${process.arch}.node`) as Addon).Fingerprint32Buffer
  } catch {
    // It lies somewhere else, or is not for this C library: the package finds out.
  }
  try {
    // An import of the package would fail the start of the whole program on a platform without a prebuilt addon.
    return (require('farmhash') as typeof FarmHash).fingerprint32
  } catch (error) {
    reason = String(error)
    return portable
  }
}

interface Addon {
  Fingerprint32Buffer: (key: Buffer) => number
}
