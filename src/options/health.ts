// Reads the option `health`.
import type { HealthPolicy } from '../supervisor/health.ts'
import type { MemoryPolicy } from '../supervisor/memory.ts'
import { MAX_TIMER, type Reader } from './reader.ts'

/** Times in milliseconds, sizes in bytes. */
export interface HealthSettings extends HealthPolicy, MemoryPolicy {
  readyTimeout: number
  ackTimeout: number
}

export function readHealth(read: Reader): Readonly<HealthSettings> {
  return read.group('health', (group) => {
    const deadline = group.integer('deadline', { min: 2, max: MAX_TIMER, fallback: 30_000 })
    return {
      readyTimeout: group.milliseconds('readyTimeout', 30_000),
      ackTimeout: group.milliseconds('ackTimeout', 1_000),
      interval: readInterval(group, deadline),
      unhealthyAfter: group.integer('unhealthyAfter', { min: 1, max: 1_000, fallback: 10 }),
      maxLag: group.milliseconds('maxLag', 1_000),
      deadline,
      maxRss: group.integer('maxRss', { min: 1, max: Number.MAX_SAFE_INTEGER, fallback: Infinity }),
      maxHeap: group.integer('maxHeap', { min: 1, max: Number.MAX_SAFE_INTEGER, fallback: Infinity }),
      growthWindow: group.milliseconds('growthWindow', 0),
    }
  })
}

/** At least two heartbeats must fit into the deadline. */
function readInterval(group: Reader, deadline: number): number {
  const interval = group.milliseconds('interval', Math.max(1, Math.min(1_000, Math.floor(deadline / 3))))
  if (interval >= 1 && interval * 2 <= deadline) return interval
  const expected = 'from 1 to half of health.deadline'
  throw group.wrong('interval', RangeError, expected, String(Math.floor(deadline / 3)), interval)
}
