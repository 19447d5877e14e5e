// `workers: 0`: the application runs in this one process, as for development. The code and the events are those of a
// worker, and no process is forked.
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { observed } from '../async/observed.ts'
import { Deadline } from '../async/waiting.ts'
import { StickyError } from '../errors.ts'
import type { Address, Drain } from '../ipc/messages.ts'
import { closeDeadline, type Settings } from '../options/settings.ts'
import type { Runtime } from '../runtime.ts'
import { SafeEmitter } from '../safe-emitter.ts'
import { prepareDrain, type DrainServer } from '../serving/drain.ts'
import { openSockets } from '../serving/open-connections.ts'
import { resolveTarget, type Target } from '../serving/target.ts'
import { listen } from '../steering/listen.ts'
import type { CloseOptions, WorkerRoleEvents, WorkerSticky } from '../sticky.ts'
import { closing } from '../supervisor/drain-plans.ts'
import { handleSignals } from '../supervisor/signals.ts'
import { realWorld } from '../world.ts'
import { listenAlso, type FurtherListener } from './further.ts'
import { listenBehindProxy, type ProxiedListener } from './proxied.ts'

/** Milliseconds in which the application can end the process after 'leave', as in a worker. */
const EXIT_TIMEOUT = 1_000

const ALONE = 'workers: 0 runs one process without a balancer'

/** A server of the application that listens. */
interface StartedServer {
  server: Server
  drain: DrainServer
  sockets: Iterable<Socket>
  /** Accepts no more on the listeners that are not the server's own. */
  close(deadline: number): Promise<void>
}

export class Standalone extends SafeEmitter<WorkerRoleEvents> implements WorkerSticky {
  readonly role = 'worker'
  readonly id = 0
  readonly workers = 1
  readonly restarts = 0
  readonly #ready: () => Promise<void>
  readonly #settings: Settings
  readonly #runtime: Runtime
  readonly #onClosed: () => void
  readonly #stopSignals: () => void
  readonly #started: StartedServer[] = []
  #closing: Promise<boolean> | undefined
  /** Resolves when the listeners of 'leave' are done. */
  #hasLeft: Promise<void> = Promise.resolve()

  /**
   * @param runtime - gets the logger, and the events of this process
   * @param onClosed - called when this process is closed, or could not start
   */
  constructor(target: Target, settings: Settings, runtime: Runtime, onClosed: () => void) {
    super(settings.logger)
    this.#settings = settings
    this.#runtime = runtime
    this.#onClosed = onClosed
    runtime.logger = settings.logger
    runtime.isStandalone = true
    runtime.emit('standalone')
    if (settings.admin !== undefined)
      settings.logger.info('admin.none', { hint: `${ALONE}, which has no admin interface` })
    const warnNoWorkers = async () =>
      settings.logger.warn('standalone.no-workers', { hint: `${ALONE}, so there is nothing to reload or to scale` })
    this.#stopSignals = handleSignals(settings, realWorld, {
      first: async (deadline) => {
        const end = new Deadline(deadline)
        const isClean = await this.#closeOnce(deadline)
        await end.wait(this.#hasLeft)
        await new Deadline(EXIT_TIMEOUT).wait(once(process, 'beforeExit'))
        return isClean
      },
      second() {},
      reload: warnNoWorkers,
      scale: warnNoWorkers,
    })
    const started = this.#start(target, settings).catch((error: unknown) => {
      this.#release()
      throw error
    })
    this.#ready = observed(started, settings.logger)
    settings.signal?.addEventListener('abort', () => void this.close(), { once: true })
    if (settings.signal?.aborted) void this.close()
  }

  get ready(): Promise<void> {
    return this.#ready()
  }

  address(): Address | null {
    return (this.#started[0]?.server.address() as Address | null | undefined) ?? null
  }

  /** Another server of the application listens there. @param settings - of the second call of stickyListen */
  async add(target: Target, settings: Settings): Promise<void> {
    await this.#start(target, settings)
  }

  async close(options?: CloseOptions): Promise<void> {
    await this.#closeOnce(closeDeadline(options, this.#settings))
    this.#release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(target: Target, settings: Settings): Promise<void> {
    // In its own turn, so that the target function can use what stickyListen returns.
    await Promise.resolve()
    const server = await resolveTarget(target)
    if (server.listening) throw new StickyError('HOLDFAST_TARGET_LISTENS', 'leave the call out; stickyListen does it')
    this.#throwIfClosing()
    const drain = prepareDrain(server)
    const sockets = openSockets(server)
    // The first call has this option for all of them.
    const { proxyProtocol } = this.#settings
    const further: FurtherListener[] = []
    let proxied: ProxiedListener | undefined
    if (proxyProtocol === undefined) {
      await listen(server, settings)
      for (const port of settings.ports.slice(1)) further.push(await listenAlso(server, { ...settings, port }))
    } else {
      proxied = await listenBehindProxy(server, settings, proxyProtocol)
    }
    const close = async (deadline: number): Promise<void> => {
      await Promise.all([proxied?.close(deadline), ...further.map((listener) => listener.close())])
    }
    if (this.#closing !== undefined) await close(0)
    this.#throwIfClosing(server)
    this.#started.push({ server, drain, sockets, close })
    this.#settings.logger.info('standalone.ready', { ...(server.address() as Address) })
  }

  /** @param server - to be closed then */
  #throwIfClosing(server?: Server): void {
    if (this.#closing === undefined) return
    server?.close()
    throw new StickyError('HOLDFAST_CLOSED')
  }

  #closeOnce(deadline: number): Promise<boolean> {
    this.#closing ??= this.#close(deadline)
    return this.#closing
  }

  /** @returns whether everything was served before the deadline */
  async #close(deadline: number): Promise<boolean> {
    const plan = closing(this.#settings, deadline)
    this.#announce('drain', plan)
    const isClean = await new Deadline(deadline).wait(this.#serveRest(plan))
    for (const { sockets } of this.#started) for (const socket of sockets) socket.destroy()
    this.#hasLeft = this.tellAndWait('leave')
    this.#runtime.announce('leave')
    this.#settings.logger.info('standalone.closed', { clean: isClean })
    return isClean
  }

  async #serveRest(plan: Drain): Promise<void> {
    // As in a balancer, connections that wait for their header have half of the time.
    await Promise.all(this.#started.map((server) => server.close(plan.deadline / 2)))
    await Promise.all(this.#started.map((server) => server.drain(plan)))
  }

  #announce<K extends keyof WorkerRoleEvents>(event: K, ...args: WorkerRoleEvents[K]): void {
    this.tell(event, ...args)
    this.#runtime.announce(event, ...args)
  }

  #release(): void {
    this.#runtime.isStandalone = false
    this.#stopSignals()
    this.#onClosed()
  }
}
