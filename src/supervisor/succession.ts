// Who serves as a worker after whom: a successor that is ready, a standby, or a process that is started for it.
import type { Settings } from '../options/settings.ts'
import type { Crew } from './worker-pool.ts'
import { leaving, replaced } from './drain-plans.ts'
import type { Member } from './member.ts'
import type { Revival } from './revival.ts'
import type { WorkerExit } from './worker-exit.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface SuccessionEvents {
  /** The process serves as its worker from now on. */
  ready(worker: WorkerProcess): void
  /** The process gets no more connections. */
  leaving(worker: WorkerProcess): void
  /** Whether everything is being stopped, so that nobody takes over. */
  stopping(): boolean
}

export class Succession {
  readonly #settings: Settings
  readonly #crew: Crew
  readonly #revival: Revival
  readonly #events: SuccessionEvents

  constructor(settings: Settings, crew: Crew, revival: Revival, events: SuccessionEvents) {
    this.#settings = settings
    this.#crew = crew
    this.#revival = revival
    this.#events = events
  }

  /** The process could serve now. */
  ready(worker: WorkerProcess): void {
    const member = this.#crew.memberOf(worker)
    if (member?.next === worker) this.#succeed(member, worker)
    else if (member?.current === worker && worker.id >= 0) this.#events.ready(worker)
    const { missing } = this.#crew
    if (worker.id < 0 && missing !== undefined) this.standIn(missing)
  }

  /** It finishes what it serves; somebody else serves as its id meanwhile. */
  leaving(worker: WorkerProcess): void {
    this.#events.leaving(worker)
    worker.drain(leaving(this.#settings))
    const member = this.#crew.memberOf(worker)
    if (member?.current === worker) this.#vacant(member, worker.served())
  }

  /** The process has ended. */
  gone(worker: WorkerProcess, exit: WorkerExit): void {
    const member = this.#crew.memberOf(worker)
    if (member === undefined) return
    member.lastExit = exit
    const crash = worker.expected ? undefined : exit
    if (member.current === worker) this.#vacant(member, exit.served, crash)
    if (member.next !== worker) return
    member.next = undefined
    if (member.current === undefined) this.#revival.restart(member, 0, crash)
    else this.#revival.remember(member, 0, crash)
  }

  /** A standby takes over. @returns whether there was one */
  standIn(member: Member): boolean {
    const standby = this.#crew.readyStandby
    const worker = standby?.current
    if (member.id < 0 || this.#events.stopping() || standby === undefined || worker === undefined) return false
    clearTimeout(member.timer)
    standby.current = undefined
    // It did get ready: how often it had not before is no reason to wait with the next one.
    this.#revival.forget(standby)
    worker.become(member.id, this.#crew.workers.length)
    this.#settings.logger.info('worker.standby', { worker: member.id, pid: worker.pid })
    this.#succeed(member, worker)
    // After the breaker has heard of the crash, and in a turn of its own: first of all the slots.
    setImmediate(() => this.#revival.schedule(standby))
    return true
  }

  /** From one process to the next without a moment in which nobody serves. */
  #succeed(member: Member, successor: WorkerProcess): void {
    const old = member.current
    if (member.next === successor) member.next = undefined
    member.current = successor
    member.restarts++
    if (member.id >= 0) this.#events.ready(successor)
    if (old === undefined) return
    this.#events.leaving(old)
    if (old.state !== 'stopping') old.drain(replaced(this.#settings))
  }

  /** Nobody serves as this worker any more. */
  #vacant(member: Member, served: number, crash?: WorkerExit): void {
    member.current = undefined
    if (member.next !== undefined || this.standIn(member)) this.#revival.remember(member, served, crash)
    else this.#revival.restart(member, served, crash)
  }
}
