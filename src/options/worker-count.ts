// Checks and changes the number of workers of a running balancer, for scale() and for signals.
import { misuse, show } from './reader.ts'
import { MAX_WORKERS } from '../slots/slot-table.ts'

/**
 * @param workers - the argument of scale()
 * @throws RangeError with code HOLDFAST_BAD_OPTION
 */
export function checkWorkerCount(workers: unknown): void {
  if (typeof workers === 'number' && Number.isInteger(workers) && workers >= 1 && workers <= MAX_WORKERS) return
  const expected = `an integer from 1 to ${MAX_WORKERS}`
  throw misuse(RangeError, `scale: expected ${expected}, got ${show(workers)}; write scale(4)`)
}

/** The number of workers plus `by`, kept within the allowed range. */
export function changedBy(by: 1 | -1, workers: number): number {
  return Math.min(MAX_WORKERS, Math.max(1, workers + by))
}
