// `workers: 0`: the application in this one process, for development. Same code, same events, nothing is forked.
import type { EventEmitter } from 'node:events'
import type { Server } from 'node:net'
import { StickyError } from './errors.ts'
import type { Address, Drain } from './protocol.ts'
import { SafeEmitter } from './safe-emitter.ts'
import type { Settings } from './settings.ts'
import { listen } from './steering/listen.ts'
import type { CloseOptions, WorkerRoleEvents, WorkerSticky } from './sticky.ts'
import { closing } from './supervisor/farewell.ts'
import { handleSignals } from './supervisor/shutdown.ts'
import { finisher } from './worker/finish.ts'
import { lifecycle } from './worker/lifecycle.ts'
import { resolveTarget, type Target } from './worker/target.ts'

export class Alone extends SafeEmitter<WorkerRoleEvents> implements WorkerSticky {
  readonly role = 'worker'
  readonly id = 0
  readonly workers = 1
  readonly restarts = 0
  readonly ready: Promise<void>
  readonly #settings: Settings
  readonly #onclosed: () => void
  readonly #stopSignals: () => void
  #server: Server | undefined
  #finish: (how: Drain) => Promise<void> = () => Promise.resolve()
  #closing: Promise<boolean> | undefined

  /** @param onclosed - called once, when everything is served */
  constructor(target: Target, settings: Settings, onclosed: () => void) {
    super(settings.logger)
    this.#settings = settings
    this.#onclosed = onclosed
    lifecycle.logger = settings.logger
    lifecycle.emit('alone')
    const nothing = async () => settings.logger.warn('alone.no-workers', { hint: 'nothing to do with `workers: 0`' })
    this.#stopSignals = handleSignals(settings, {
      first: (deadline) => this.#end(deadline),
      second() {},
      reload: nothing,
      scale: nothing,
    })
    this.ready = this.#start(target).catch((error: unknown) => {
      this.#release()
      throw error
    })
    settings.signal?.addEventListener('abort', () => void this.close(), { once: true })
    if (settings.signal?.aborted) void this.close()
  }

  address(): Address | null {
    return (this.#server?.address() as Address | null | undefined) ?? null
  }

  async close({ deadline = this.#settings.shutdown.deadline }: CloseOptions = {}): Promise<void> {
    await this.#end(deadline)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(target: Target): Promise<void> {
    // In a turn of its own, so that the target function can use what stickyListen returns.
    await Promise.resolve()
    const server = await resolveTarget(target)
    if (server.listening) throw new StickyError('HOLDFAST_TARGET_LISTENS', 'leave the call out; stickyListen does it')
    if (this.#closing !== undefined) throw new StickyError('HOLDFAST_CLOSED')
    this.#finish = finisher(server)
    await listen(server, this.#settings)
    this.#server = server
    this.#settings.logger.info('alone.ready', { ...this.address() })
  }

  #end(deadline: number): Promise<boolean> {
    this.#closing ??= this.#close(deadline)
    return this.#closing
  }

  /** @returns whether everything was served before the deadline */
  async #close(deadline: number): Promise<boolean> {
    const how = closing(this.#settings, deadline)
    this.#tell('drain', how)
    const expired = new Promise<'expired'>((late) => setTimeout(late, deadline, 'expired').unref())
    const served = this.#server === undefined ? undefined : await Promise.race([this.#finish(how), expired])
    this.#tell('leave')
    this.#release()
    return served !== 'expired'
  }

  #tell<K extends keyof WorkerRoleEvents>(event: K, ...args: WorkerRoleEvents[K]): void {
    this.tell(event, ...args)
    ;(lifecycle as EventEmitter).emit(event, ...args)
  }

  #release(): void {
    this.#stopSignals()
    this.#onclosed()
  }
}
