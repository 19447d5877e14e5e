// Checks and changes the number of workers of a running balancer, for scale() and for signals.
import { misuse, show } from './reader.ts'
import { MAX_WORKERS } from '../slots/slot-table.ts'

/** What a number of workers of a balancer is, for error messages. */
export const WORKER_COUNT = `an integer from 1 to ${MAX_WORKERS}`

export function isWorkerCount(workers: unknown): workers is number {
  return typeof workers === 'number' && Number.isInteger(workers) && workers >= 1 && workers <= MAX_WORKERS
}

/**
 * @param workers - the argument of scale()
 * @param write - what to write instead, where the number did not come from a call of scale()
 * @throws RangeError with code HOLDFAST_BAD_OPTION
 */
export function checkWorkerCount(workers: unknown, write = 'scale(4)'): void {
  if (isWorkerCount(workers)) return
  throw misuse(RangeError, `scale: expected ${WORKER_COUNT}, got ${show(workers)}; write ${write}`)
}

/** The number of workers plus `by`, kept within the allowed range. */
export function changedBy(by: 1 | -1, workers: number): number {
  return Math.min(MAX_WORKERS, Math.max(1, workers + by))
}
