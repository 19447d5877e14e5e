// `workers: 0`: the application in this one process, for development. Same code, same events, nothing is forked.
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { Deadline } from '../async/waiting.ts'
import { listenBehindProxy, type ProxiedListener } from './proxied.ts'
import { StickyError } from '../errors.ts'
import type { Address, Drain } from '../ipc/messages.ts'
import { SafeEmitter } from '../safe-emitter.ts'
import { closeDeadline, type Settings } from '../options/settings.ts'
import { listen } from '../steering/listen.ts'
import type { CloseOptions, WorkerRoleEvents, WorkerSticky } from '../sticky.ts'
import { closing } from '../supervisor/drain-plans.ts'
import { handleSignals } from '../supervisor/signals.ts'
import { finisher, openSockets } from '../serving/drain.ts'
import type { Runtime } from '../runtime.ts'
import { resolveTarget, type Target } from '../serving/target.ts'

/** Milliseconds that the application has after 'leave' to end by itself, as in a worker. */
const LAST_WORDS = 1_000

export class Standalone extends SafeEmitter<WorkerRoleEvents> implements WorkerSticky {
  readonly role = 'worker'
  readonly id = 0
  readonly workers = 1
  readonly restarts = 0
  readonly ready: Promise<void>
  readonly #settings: Settings
  readonly #runtime: Runtime
  readonly #onclosed: () => void
  readonly #stopSignals: () => void
  #server: Server | undefined
  #proxied: ProxiedListener | undefined
  #open: Iterable<Socket> = []
  #finish: (how: Drain) => Promise<void> = () => Promise.resolve()
  #closing: Promise<boolean> | undefined

  /** @param onclosed - called once, when everything is served */
  constructor(target: Target, settings: Settings, runtime: Runtime, onclosed: () => void) {
    super(settings.logger)
    this.#settings = settings
    this.#onclosed = onclosed
    this.#runtime = runtime
    runtime.logger = settings.logger
    runtime.isStandalone = true
    runtime.emit('standalone')
    if (settings.admin !== undefined) settings.logger.info('admin.none', { hint: 'nothing to tell with `workers: 0`' })
    const nothing = async () =>
      settings.logger.warn('standalone.no-workers', { hint: 'nothing to do with `workers: 0`' })
    this.#stopSignals = handleSignals(settings, {
      first: async (deadline) => {
        const clean = await this.#end(deadline)
        await lastWords()
        return clean
      },
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

  async close(options?: CloseOptions): Promise<void> {
    await this.#end(closeDeadline(options, this.#settings))
    this.#release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(target: Target): Promise<void> {
    // In a turn of its own, so that the target function can use what stickyListen returns.
    await Promise.resolve()
    const server = await resolveTarget(target)
    if (server.listening) throw new StickyError('HOLDFAST_TARGET_LISTENS', 'leave the call out; stickyListen does it')
    this.#unlessClosing()
    this.#finish = finisher(server)
    this.#open = openSockets(server)
    const { proxyProtocol } = this.#settings
    if (proxyProtocol === undefined) await listen(server, this.#settings)
    else this.#proxied = await listenBehindProxy(server, this.#settings, proxyProtocol)
    this.#unlessClosing(server)
    this.#server = server
    this.#settings.logger.info('standalone.ready', { ...this.address() })
  }

  #unlessClosing(server?: Server): void {
    if (this.#closing === undefined) return
    server?.close()
    throw new StickyError('HOLDFAST_CLOSED')
  }

  #end(deadline: number): Promise<boolean> {
    this.#closing ??= this.#close(deadline)
    return this.#closing
  }

  /** @returns whether everything was served before the deadline */
  async #close(deadline: number): Promise<boolean> {
    const how = closing(this.#settings, deadline)
    this.#tell('drain', how)
    const latest = new Deadline(deadline)
    const served = async () => {
      // As a balancer does it: those that still wait for their header have half of the time.
      await this.#proxied?.close(deadline / 2)
      if (this.#server !== undefined) await this.#finish(how)
    }
    const clean = await latest.wait(served())
    for (const socket of this.#open) socket.destroy()
    this.#tell('leave')
    this.#settings.logger.info('standalone.closed', { clean })
    return clean
  }

  #tell<K extends keyof WorkerRoleEvents>(event: K, ...args: WorkerRoleEvents[K]): void {
    this.tell(event, ...args)
    this.#runtime.announce(event, ...args)
  }

  #release(): void {
    this.#runtime.isStandalone = false
    this.#stopSignals()
    this.#onclosed()
  }
}

/** Resolves when there is nothing left to do in this process: databases are closed and the like. */
async function lastWords(): Promise<void> {
  await new Deadline(LAST_WORDS).wait(once(process, 'beforeExit'))
}
