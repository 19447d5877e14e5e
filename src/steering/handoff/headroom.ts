// How many descriptors the primary has left. Node tells nobody when there are none: libuv accepts and closes. So
// accepting stops before, while the kernel keeps the queue.
import { readdirSync, readFileSync } from 'node:fs'

export interface Headroom {
  /** Whether a process that was just given this descriptor (always the lowest free one) should take no more. */
  isLow(fd: number): boolean
  /** Whether there is room again, well above where it was low. */
  isBack(): boolean
}

/** Kept for receipts, new workers, logs and the admin page: an eighth, at most so many. */
const RESERVE = 256

/** @param limit - open files at most; undefined where the system does not tell: then it is never low */
export function headroom(limit = openFilesLimit()): Headroom {
  if (limit === undefined) return { isLow: () => false, isBack: () => true }
  const reserve = Math.min(RESERVE, limit >> 3)
  return {
    isLow: (fd) => fd >= limit - reserve,
    isBack: () => openFiles() < limit - 2 * reserve,
  }
}

/** Looking takes one as well. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return Infinity
  }
}

/** The soft limit that Linux tells. */
function openFilesLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined // not Linux
  }
}
