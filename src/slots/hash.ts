// Which worker is theirs, first half: key bytes -> uint32 -> slot.
import { createRequire } from 'node:module'
import type * as FarmHash from 'farmhash'
import { fingerprint32 as portable } from './fingerprint32.ts'

/** The number of slots. Fixed: it is part of the mapping that several hosts and a restart must agree on. */
export const SLOTS = 256

/** Why the native FarmHash is not in use, for the one log line at start; undefined where it is. */
export let fallbackReason: string | undefined

const native = load()

/** FarmHash `fingerprint32` of the key: stable over versions, platforms and byte orders. */
export const fingerprint32: (key: Buffer) => number = native ?? portable

/** The slot of a hash, 0..255. */
export function slotOf(hash: number): number {
  return hash % SLOTS
}

/** The slot of a key, 0..255. */
export function slotOfKey(key: Buffer, seed: number): number {
  return slotOf(fingerprint32(seeded(key, seed)))
}

/**
 * The key XOR the seed, whose four bytes (big-endian) repeat over the key. A seed keeps strangers from aiming their
 * addresses at one worker; hosts with the same seed agree.
 */
export function seeded(key: Buffer, seed: number): Buffer {
  if (seed === 0) return key
  const out = Buffer.allocUnsafe(key.length)
  for (let i = 0; i < key.length; i++) out[i] = key.readUInt8(i) ^ (seed >>> (24 - (i & 3) * 8))
  return out
}

function load(): ((key: Buffer) => number) | undefined {
  try {
    // Required, not imported: a platform without a prebuilt addon must fall back instead of failing to start.
    return (createRequire(import.meta.url)('farmhash') as typeof FarmHash).fingerprint32
  } catch (error) {
    fallbackReason = String(error)
    return undefined
  }
}
