// Replaces and dismisses processes that are well: the new one serves before the old one stops.
import type { Settings } from '../options/settings.ts'
import { replaced } from './drain-plans.ts'
import type { Member } from './member.ts'
import { rolling } from './reload.ts'
import type { Revival } from './revival.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface RenewalMeans {
  /** @throws Error of the system when no process can be started */
  start(member: Member): WorkerProcess
  /** The process gets no more connections. */
  leaving(worker: WorkerProcess): void
  /** A standby takes over at once. @returns whether there was one */
  standIn(member: Member): boolean
}

export class Renewal {
  readonly #settings: Settings
  readonly #revival: Revival
  readonly #means: RenewalMeans

  constructor(settings: Settings, revival: Revival, means: RenewalMeans) {
    this.#settings = settings
    this.#revival = revival
    this.#means = means
  }

  /**
   * Resolves when a new process serves as the worker and the old one has ended.
   *
   * @throws StickyError HOLDFAST_WORKER_NOT_READY; the old one serves on
   */
  async renew(member: Member): Promise<void> {
    const old = member.current
    clearTimeout(member.timer)
    try {
      member.next ??= this.#means.start(member)
    } catch (error) {
      if (old === undefined) this.#revival.schedule(member)
      throw error
    }
    await member.next.started
    await old?.ended
  }

  /** Gets a successor for a process that is being given up. */
  succeed(member: Member): void {
    if (member.next !== undefined || this.#means.standIn(member)) return
    this.renew(member).catch((error: unknown) => {
      this.#settings.logger.error('worker.renew-failed', { worker: member.id, error })
    })
  }

  /** Resolves when the worker's process has finished and nobody serves as it any more. */
  async dismiss(member: Member): Promise<void> {
    const { current, next } = member
    this.#revival.forget(member)
    next?.drain(replaced(this.#settings))
    if (current === undefined) return
    this.#means.leaving(current)
    current.drain(replaced(this.#settings))
    await current.ended
  }

  /** Renews all of them by processes of at least this generation. @throws StickyError HOLDFAST_RELOAD_FAILED */
  async reload(members: readonly Member[], generation: number): Promise<void> {
    const { logger, reload } = this.#settings
    let done = 0
    await rolling(members, reload.parallel, async (member) => {
      // One that was started before has the old program.
      if ((member.next?.generation ?? generation) < generation) await member.next?.started.catch(() => {})
      await this.renew(member)
      logger.info('reload.worker', { worker: member.id, done: ++done, of: members.length })
    })
  }
}
