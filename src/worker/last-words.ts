// The last phase of a worker: its connections have ended, and the program writes its data and closes its databases. The
// program's SIGTERM listeners run now, and have until the drain's deadline.
import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { programListensTo } from '../signal-listeners.ts'

/** Milliseconds in which a program that listens to nothing can end the process; then it is ended. */
const EXIT_TIMEOUT = 1_000

/** Milliseconds for last words where the connections took all of the time. The primary kills the process 100 ms later. */
const LEAST = 400

export interface LastWordsEvents {
  /** SIGTERM has come from outside while the worker serves. */
  leave(): void
  /** The deadline has passed, and the process ends in the middle of its last words. @param after - milliseconds */
  cut(after: number): void
}

export class LastWords {
  readonly #events: LastWordsEvents
  /** Whether the program's listeners for SIGTERM have to be called: it has not come, and the program does not end by itself. */
  #isSigtermDue = true
  /** Whether the program listened to SIGTERM when it came. A listener may remove itself. */
  #hasProgramHeard = false
  #hasBegun = false
  #isEmitting = false

  constructor(events: LastWordsEvents) {
    this.#events = events
    // Before the program's listeners, which may remove themselves.
    process.prependListener('SIGTERM', this.#onSigterm)
  }

  /** The program ends because it has nothing left to do. Alone it would get no SIGTERM then. */
  needNoSigterm(): void {
    this.#isSigtermDue = false
  }

  /**
   * Lets the program speak, then ends the process. A process with nothing left to do ends by itself.
   *
   * @param milliseconds - until the deadline of the drain
   * @param otherWork - settles when the listeners of 'leave' are done
   */
  begin(milliseconds: number, otherWork: Promise<void>): void {
    const startedAt = performance.now()
    this.#hasBegun = true
    // Holdfast asks a worker to finish by a message, so no SIGTERM would come. In a turn of its own, so that an error of a
    // listener is an uncaught one, as after the signal.
    if (this.#isSigtermDue) process.nextTick(() => this.#emitSigterm())
    let isOtherWorkDone = false
    const isDone = (): boolean => isOtherWorkDone && !this.#hasProgramHeard
    const onOtherWorkDone = (): void => {
      isOtherWorkDone = true
      setTimeout(() => isDone() && process.exit(), EXIT_TIMEOUT).unref()
    }
    void otherWork.finally(onOtherWorkDone)
    const onDeadline = (): void => {
      if (isDone()) return
      this.#events.cut(Math.round(performance.now() - startedAt))
      // Where connections were cut too, the process is killed, so that the end counts as unclean.
      if (milliseconds > 0) process.exit(process.exitCode ?? 1)
    }
    setTimeout(onDeadline, Math.max(milliseconds, LEAST)).unref()
  }

  #emitSigterm(): void {
    this.#hasProgramHeard = programListensTo('SIGTERM', this.#onSigterm)
    if (!this.#hasProgramHeard) return
    this.#isEmitting = true
    try {
      ;(process as EventEmitter).emit('SIGTERM', 'SIGTERM', constants.signals.SIGTERM)
    } finally {
      this.#isEmitting = false
    }
  }

  readonly #onSigterm = (): void => {
    if (this.#isEmitting) return
    this.#isSigtermDue = false
    const doesProgramHear = programListensTo('SIGTERM', this.#onSigterm)
    this.#hasProgramHeard ||= doesProgramHear
    if (!this.#hasBegun) this.#events.leave()
    // When their work is done, some frameworks remove their listener and send the signal again: it would end the process.
    else if (!doesProgramHear) process.exit()
  }
}
