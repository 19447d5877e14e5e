// What stickyListen returns in a worker.
import { primaryChannel } from '../ipc/channel.ts'
import type { ListenTarget } from '../ipc/listen-target.ts'
import type { Address, WorkerSetup } from '../ipc/messages.ts'
import { hasWorkerSetup } from '../ipc/role.ts'
import { closeDeadline, type Settings } from '../options/settings.ts'
import type { Runtime } from '../runtime.ts'
import { SafeEmitter } from '../safe-emitter.ts'
import type { Target } from '../serving/target.ts'
import { watchTicketKeys } from '../serving/ticket-keys.ts'
import { sessionLayer } from '../sessions/session-layer.ts'
import type { CloseOptions, WorkerRoleEvents, WorkerSticky } from '../sticky.ts'
import type { World } from '../world.ts'
import { join, type Joined, type ProgramLife } from './join.ts'

// Before the application makes its server.
if (hasWorkerSetup()) watchTicketKeys()

export class Worker extends SafeEmitter<WorkerRoleEvents> implements WorkerSticky {
  readonly role = 'worker'
  readonly ready: Promise<void>
  readonly restarts: number
  readonly #address: Address
  #id: number
  #workers: number
  readonly #joined: Joined
  readonly #settings: Settings
  readonly #runtime: Runtime

  /**
   * @param setup - from the primary
   * @param runtime - gets the logger, and the events of this worker
   * @param world - for the session layer
   */
  constructor(setup: WorkerSetup, settings: Settings, runtime: Runtime, world: World) {
    super(settings.logger)
    this.#id = setup.id
    this.#workers = setup.workers
    this.restarts = setup.restarts
    this.#address = setup.address
    this.#settings = settings
    this.#runtime = runtime
    runtime.logger = settings.logger
    const channel = primaryChannel()
    this.#joined = join(setup, channel, sessionLayer(settings, setup, channel, runtime, world), {
      drain: (plan) => {
        runtime.isDraining = true
        this.#announce('drain', plan)
      },
      leave: () => {
        const told = this.tellAndWait('leave')
        runtime.announce('leave')
        return told
      },
      cut: (after) => {
        const hint =
          "listeners of SIGTERM and 'leave' must end the process, or leave it nothing to do, before the deadline"
        settings.logger.warn('worker.cut', { worker: this.#id, pid: process.pid, after, hint })
      },
      become: (id, workers) => this.#become(id, workers),
      workers: (workers) => (this.#workers = workers),
      unknown: () => settings.logger.warn('primary.unknown-message', { worker: this.#id }),
    })
    this.ready = this.#joined.ready
  }

  /** A server of the application listens there. */
  add(target: Target, places: readonly ListenTarget[], isFirst = false): Promise<void> {
    return this.#joined.add(target, places, isFirst)
  }

  get id(): number {
    return this.#id
  }

  get workers(): number {
    return this.#workers
  }

  /** For the command. */
  get program(): ProgramLife {
    return this.#joined.program
  }

  address(): Address {
    return this.#address
  }

  async close(options?: CloseOptions): Promise<void> {
    await this.#joined.leave('close()', closeDeadline(options, this.#settings))
  }

  #become(id: number, workers: number): void {
    this.#id = id
    this.#workers = workers
    process.env['HOLDFAST_WORKER'] = String(id)
    this.#announce('become', { id, workers })
  }

  #announce<K extends keyof WorkerRoleEvents>(event: K, ...args: WorkerRoleEvents[K]): void {
    this.tell(event, ...args)
    this.#runtime.announce(event, ...args)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
