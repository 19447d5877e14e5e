// How many descriptors the primary has left. At the limit, libuv accepts connections and closes them, and Node reports
// no error. So the primary stops accepting before, and the kernel keeps the connections in its queue.
import { readdirSync, readFileSync } from 'node:fs'

export interface Headroom {
  /** Whether the primary should stop accepting. @param fd - the descriptor it got last, which is the lowest free one */
  isLow(fd: number): boolean
  /** Whether the primary may accept again: well above the point at which it stopped. */
  hasRecovered(): boolean
}

/**
 * Descriptors for other use (receipts, new workers, logs, the admin page): an eighth of the limit, at most this many.
 */
const MAX_RESERVE = 256

/** @param limit - open files, at most; undefined where the system does not tell: the headroom is never low then */
export function headroom(limit = openFilesLimit()): Headroom {
  if (limit === undefined) return { isLow: () => false, hasRecovered: () => true }
  const reserve = Math.min(MAX_RESERVE, limit >> 3)
  return {
    isLow: (fd) => fd >= limit - reserve,
    hasRecovered: () => openFiles() < limit - 2 * reserve,
  }
}

/** Number of open files. Counting them takes a descriptor too. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return Infinity // no descriptor left to count with
  }
}

/** The soft limit, which Linux tells. */
function openFilesLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined // not Linux
  }
}
