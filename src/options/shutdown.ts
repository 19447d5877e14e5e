// Reads the option `shutdown`, and the options of close(), which fall back to it.
import { Reader } from './reader.ts'

export interface ShutdownSettings {
  /** Milliseconds. */
  deadline: number
  signals: readonly NodeJS.Signals[]
}

export function readShutdown(read: Reader): Readonly<ShutdownSettings> {
  return read.group('shutdown', (group) => ({
    deadline: group.milliseconds('deadline', 10_000),
    signals: group.signals('signals', ['SIGTERM', 'SIGINT']),
  }))
}

/**
 * The deadline of one call of close().
 *
 * @param options - the argument of close()
 * @returns milliseconds
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 */
export function closeDeadline(options: unknown, { shutdown }: { shutdown: ShutdownSettings }): number {
  const read = new Reader('close options', options)
  const deadline = read.milliseconds('deadline', shutdown.deadline)
  read.done()
  return deadline
}
