// What stickyListen returns in the primary. It loads the balancer, which workers never need: the code of the primary is
// more than half of Holdfast's, and each process that loads it pays for it in memory and at its start.
import { observed } from '../async/observed.ts'
import type { Settings } from '../options/settings.ts'
import { SafeEmitter } from '../safe-emitter.ts'
import { fallbackReason } from '../slots/hash.ts'
import { slotTable } from '../slots/slot-table.ts'
import { newCounters } from '../steering/steering.ts'
import type { Address, CloseOptions, Explanation, PrimaryEvents, PrimarySticky, Status } from '../sticky.ts'
import type { Forking } from '../supervisor/fork.ts'
import type { World } from '../world.ts'
import type { Balancer } from './balancer.ts'
import { explain } from './explain.ts'

/** What a face of Holdfast does otherwise than `stickyListen`. */
export interface PrimaryParts {
  /** How workers are started. @default this same program again */
  forking?: Forking
  /** The class, where it is loaded already. The balancer starts in this turn of the event loop then. */
  Balancer?: typeof Balancer
  /** A worker loads these files, and its environment asks it to report that. */
  onLoaded?: (files: readonly string[]) => void
}

export class Primary extends SafeEmitter<PrimaryEvents> implements PrimarySticky {
  readonly role = 'primary'
  readonly #settings: Settings
  readonly #world: World
  readonly #startedAt: number
  readonly #loaded: Promise<Balancer>
  readonly #ready: () => Promise<void>
  #balancer: Balancer | undefined

  /**
   * @param onclosed - called once, when the last worker has ended, or when nothing was started
   */
  constructor(settings: Settings, world: World, onclosed: () => void, parts: PrimaryParts = {}) {
    super(settings.logger)
    this.#settings = settings
    this.#world = world
    this.#startedAt = world.now()
    const tell = this.tell.bind(this)
    const loaded = parts.onLoaded ?? (() => {})
    const make = (Loaded: typeof Balancer): Balancer => {
      this.#balancer = new Loaded(settings, world, { tell, closed: onclosed, loaded }, parts.forking)
      return this.#balancer
    }
    this.#loaded =
      parts.Balancer === undefined
        ? import('./balancer.ts').then((module) => make(module.Balancer))
        : Promise.resolve(make(parts.Balancer))
    this.#ready = observed(
      this.#loaded.then((balancer) => balancer.ready),
      settings.logger,
    )
  }

  get ready(): Promise<void> {
    return this.#ready()
  }

  address(): Address | null {
    return this.#balancer?.address() ?? null
  }

  status(): Status {
    return this.#balancer?.status() ?? this.#statusBefore()
  }

  explain(address: string): Explanation {
    if (this.#balancer !== undefined) return this.#balancer.explain(address)
    const { workers } = this.#settings
    return explain(address, this.#settings, slotTable(workers), workers, 'handoff')
  }

  async reload(): Promise<void> {
    await (await this.#loaded).reload()
  }

  async scale(workers: number): Promise<void> {
    await (await this.#loaded).scale(workers)
  }

  async close(options?: CloseOptions): Promise<boolean> {
    return (await this.#loaded).close(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The status while the balancer is being loaded: there is no process and no port yet. */
  #statusBefore(): Status {
    return {
      pid: process.pid,
      address: null,
      admin: null,
      uptime: this.#world.now() - this.#startedAt,
      steering: {
        name: 'handoff',
        reason: 'not chosen yet',
        transport: 'node-ipc',
        hash: fallbackReason() === undefined ? 'native' : 'portable',
      },
      workers: [],
      standby: 0,
      entered: { starting: 0, ready: 0, draining: 0, stopping: 0, gone: 0 },
      connections: { ...newCounters(), pending: 0 },
      bus: { frames: 0, relayed: 0, dropped: 0, counters: 0, workers: [] },
    }
  }
}
