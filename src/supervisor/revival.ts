// Starts what has ended again: after a delay, or much later when it keeps ending.
import { performance } from 'node:perf_hooks'
import type { Logger } from '../options/options.ts'
import type { Member } from './member.ts'
import { Restarts, type RestartPolicy } from './restarts.ts'
import { tellingLine } from './stderr-relay.ts'
import type { WorkerExit } from './worker-exit.ts'

export interface RevivalEvents {
  fork(member: Member): void
  /** Too many crashes: it is not started before `retryDelay`. */
  tripped(member: Member, reason: string): void
}

export class Revival {
  readonly #restarts: Restarts
  readonly #log: Logger
  readonly #events: RevivalEvents
  #halted = false

  constructor(policy: RestartPolicy, log: Logger, events: RevivalEvents) {
    this.#restarts = new Restarts(policy)
    this.#log = log
    this.#events = events
  }

  /** Its process has ended, and somebody else serves already. @param crash - undefined if the end was wanted */
  remember({ id }: Member, served: number, crash: WorkerExit | undefined): void {
    this.#restarts.remember(id, { at: performance.now(), served }, crash !== undefined)
  }

  /** The worker was scaled away. */
  forget({ id, timer }: Member): void {
    clearTimeout(timer)
    this.#restarts.forget(id)
  }

  /** Its process has ended, or could not be started, and nobody serves. */
  restart(member: Member, served: number, crash?: WorkerExit): void {
    this.remember(member, served, crash)
    member.restarts++
    this.schedule(member)
  }

  schedule(member: Member): void {
    if (this.#halted) return
    const { delay, stopped } = this.#restarts.next(member.id, performance.now(), Math.random())
    if (stopped !== undefined) this.#tripped(member, stopped, delay)
    if (this.#halted) return
    this.#log.debug('worker.restart', { worker: member.id, delay })
    clearTimeout(member.timer)
    member.timer = setTimeout(() => this.#events.fork(member), delay)
  }

  /** Nothing is started any more. */
  halt(members: Iterable<Member>): void {
    this.#halted = true
    for (const { timer } of members) clearTimeout(timer)
  }

  #tripped(member: Member, reason: string, retryIn: number): void {
    const { code, signal, stderr } = member.lastExit ?? {}
    const last = tellingLine(stderr ?? [])
    this.#log.error('restart.stopped', { worker: member.id, reason, code, signal, stderr: last, retryIn })
    this.#events.tripped(member, reason)
  }
}
