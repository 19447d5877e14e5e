// Reads the option `shutdown`.
import type { Reader } from './reader.ts'

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
