// Reads the option `reload`.
import { MAX_WORKERS } from '../slots/slot-table.ts'
import type { Reader } from './reader.ts'

/** Times in milliseconds. */
export interface ReloadSettings {
  parallel: number
  deadline: number
  grace: number
  spread: number
  signals: readonly NodeJS.Signals[]
}

export function readReload(read: Reader): Readonly<ReloadSettings> {
  return read.group('reload', (group) => ({
    parallel: group.integer('parallel', { min: 1, max: MAX_WORKERS, fallback: 1 }),
    deadline: group.milliseconds('deadline', 30_000),
    grace: group.milliseconds('grace', 1_000),
    spread: group.milliseconds('spread', 5_000),
    signals: group.signals('signals', ['SIGHUP', 'SIGUSR2']),
  }))
}
