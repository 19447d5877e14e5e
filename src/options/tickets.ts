// Reads the option `ticketRotation`.
import { MAX_TIMER, type Reader } from './reader.ts'

const NAME = 'ticketRotation'
const DAY = 86_400_000

/** @returns milliseconds; undefined where Holdfast sets no keys */
export function readTicketRotation(read: Reader): number | undefined {
  const value = read.raw(NAME)
  if (value === undefined) return DAY
  if (value === false) return undefined
  if (Number.isInteger(value) && (value as number) >= 1_000 && (value as number) <= MAX_TIMER) return value as number
  const kind = typeof value === 'number' ? RangeError : TypeError
  throw read.wrong(NAME, kind, `milliseconds from 1000 to ${MAX_TIMER}, or false`, String(DAY), value)
}
