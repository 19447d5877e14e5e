// What stickyListen returns in the primary. It loads the balancer, which workers never need: the code of the primary is
// more than half of Holdfast's, and each process that loads it pays for it in memory and at its start.
import { observed } from '../async/observed.ts'
import type { Settings } from '../options/settings.ts'
import { SafeEmitter } from '../safe-emitter.ts'
import { fallbackReason } from '../slots/hash.ts'
import { slotTable } from '../slots/slot-table.ts'
import { newCounters } from '../steering/steering.ts'
import type { Address, CloseOptions, Explanation, PrimaryEvents, PrimarySticky, Status } from '../sticky.ts'
import type { World } from '../world.ts'
import type { ListenTarget } from '../ipc/listen-target.ts'
import type { Balancer, BalancerOptions } from './balancer.ts'
import { explain } from './explain.ts'

/** What a face of Holdfast does otherwise than `stickyListen`. */
export interface PrimaryParts extends BalancerOptions {
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
  /** Where the balancer listens when it is loaded. */
  readonly #places: ListenTarget[]
  readonly #loaded: Promise<Balancer>
  readonly #ready: () => Promise<void>
  #balancer: Balancer | undefined

  /**
   * @param places - where the balancer listens
   * @param onclosed - called once, when the last worker has ended, or when nothing was started
   */
  constructor(
    settings: Settings,
    places: readonly ListenTarget[],
    world: World,
    onclosed: () => void,
    { Balancer: loaded, onLoaded = () => {}, ...options }: PrimaryParts = {},
  ) {
    super(settings.logger)
    this.#settings = settings
    this.#world = world
    this.#startedAt = world.now()
    this.#places = [...places]
    const tell = this.tell.bind(this)
    const make = (Loaded: typeof Balancer): Balancer => {
      this.#balancer = new Loaded(settings, this.#places, world, { tell, closed: onclosed, loaded: onLoaded }, options)
      return this.#balancer
    }
    this.#loaded =
      loaded === undefined
        ? import('./balancer.ts').then((module) => make(module.Balancer))
        : Promise.resolve(make(loaded))
    this.#ready = observed(
      this.#loaded.then((balancer) => balancer.ready),
      settings.logger,
    )
  }

  get ready(): Promise<void> {
    return this.#ready()
  }

  /** The balancer listens there too. A failure is an 'error' event, or rejects `ready` where it is not ready yet. */
  add(places: readonly ListenTarget[]): void {
    if (this.#balancer === undefined) this.#places.push(...places)
    else this.#balancer.add(places)
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
      addresses: [],
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
