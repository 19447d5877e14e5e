// One worker id and who serves as it.
import type { WorkerExit } from './worker-exit.ts'
import type { WorkerProcess } from './worker-process.ts'

/** A standby is one too, with an id below zero. */
export interface Member {
  readonly id: number
  current: WorkerProcess | undefined
  /** Takes over as soon as it is ready. */
  next: WorkerProcess | undefined
  restarts: number
  lastExit: WorkerExit | undefined
  /** Runs until its next start. */
  timer: NodeJS.Timeout | undefined
}

export function newMember(id: number): Member {
  const none = undefined
  return { id, current: none, next: none, restarts: 0, lastExit: none, timer: none }
}
