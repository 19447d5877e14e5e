// How many workers there may be while everything runs: what scale() takes, and what signals lead to.
import { misuse, show } from './reader.ts'
import { MAX_WORKERS } from '../slots/slot-table.ts'

/** @throws RangeError with code HOLDFAST_BAD_OPTION */
export function checkWorkerCount(given: unknown): void {
  if (typeof given === 'number' && Number.isInteger(given) && given >= 1 && given <= MAX_WORKERS) return
  const expected = `an integer from 1 to ${MAX_WORKERS}`
  throw misuse(RangeError, `scale: expected ${expected}, got ${show(given)}; write scale(4)`)
}

/** One worker more or less, where there may be. */
export function changedBy(by: 1 | -1, workers: number): number {
  return Math.min(MAX_WORKERS, Math.max(1, workers + by))
}
