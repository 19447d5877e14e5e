// The primary: puts slots, steering and supervision together. No other file of the primary imports all of them.
import { Admin } from '../admin/admin.ts'
import { Deadline } from '../async/waiting.ts'
import { StickyError } from '../errors.ts'
import { explain } from './explain.ts'
import { Operations } from './operations.ts'
import { Listeners } from './listeners.ts'
import { FirstReady, giveUp, logDegraded, neverReady } from './startup.ts'
import { surviveClosedStderr } from '../logger.ts'
import { WorkerFactory } from './worker-factory.ts'
import { PeerDirectory } from './peer-directory.ts'
import { TicketKeys } from './ticket-keys.ts'
import { isPath, type Address, type ListenTarget } from '../ipc/listen-target.ts'
import { passUp, reportedFiles } from '../ipc/watch-reports.ts'
import { Ownership } from '../slots/ownership.ts'
import { BusBroker } from '../bus/primary/broker.ts'
import { Exchange } from '../socket-io/primary/exchange.ts'
import type { World } from '../world.ts'
import { checkEntry, closeDeadline, type Settings } from '../options/settings.ts'
import type { SlotTable } from '../slots/slot-table.ts'
import type { Steering, SteeringEvents } from '../steering/steering.ts'
import { chooseSteering, unchosenSteering } from '../steering/choose.ts'
import type { CloseOptions, Explanation, PrimaryEvents, Status } from '../sticky.ts'
import { closing } from '../supervisor/drain-plans.ts'
import type { PassedSockets } from '../service-manager/kept-sockets.ts'
import { ServiceManager } from '../service-manager/service-manager.ts'
import { handleCrash, handleSignals } from '../supervisor/signals.ts'
import { Supervisor } from '../supervisor/supervisor.ts'
import { plainForking, type Forking, type Program } from '../supervisor/fork.ts'
import type { WorkerExit } from '../supervisor/worker-exit.ts'
import { outputWritten, type WorkerProcess } from '../supervisor/worker-process.ts'
import { chooseTransport, type Native } from '../transport/choose.ts'
import { changedBy, checkWorkerCount } from '../options/worker-count.ts'

/** What the caller of a balancer decides besides the options of the application. */
export interface BalancerOptions {
  /** How workers are started; by default this same program. */
  forking?: Forking | undefined
  /** Whether the workers run a program that knows nothing of Holdfast: it decides where it listens. */
  isCommand?: boolean
}

/** Milliseconds that the last output of the workers may take. */
const OUTPUT_TIMEOUT = 1_000

/** What the balancer reports to the file that made it. */
export interface BalancerEvents {
  /** An event for the application. */
  tell<K extends keyof PrimaryEvents>(event: K, ...args: PrimaryEvents[K]): void
  /** Called once, when the last worker has ended, or when nothing was started. */
  closed(): void
  /** A worker loads these files. It reports that where Node's watch mode, or the command's own, has asked for it. */
  loaded(files: readonly string[]): void
}

/** The members of the same names are those of PrimarySticky. */
export class Balancer {
  readonly ready: Promise<void>

  readonly #settings: Settings
  readonly #events: BalancerEvents
  readonly #world: World
  readonly #startedAt: number
  #steering: Steering = unchosenSteering()
  #steeringReason = 'not chosen yet'
  readonly #supervisor: Supervisor
  readonly #broker: BusBroker
  readonly #exchange: Exchange<WorkerProcess>
  readonly #firstReady = new FirstReady()
  readonly #workerFactory: WorkerFactory
  readonly #native: Native
  readonly #steeringEvents: SteeringEvents = { onOverdue: (worker) => this.#ownership.failOver(worker) }
  readonly #operations: Operations
  readonly #serviceManager: ServiceManager
  readonly #peerDirectory: PeerDirectory
  readonly #ticketKeys: TicketKeys
  readonly #stopSignals: () => void
  readonly #stopCrash: () => void
  readonly #ownership: Ownership
  readonly #admin = new Admin()
  readonly #listeners: Listeners
  readonly #isCommand: boolean
  /** Where the balancer listens, as its options say. */
  readonly #places: ListenTarget[]
  /** Number of places of the first call of stickyListen. */
  readonly #ofFirstCall: number
  #isStarted = false
  #address: Address | null = null
  #closing: Promise<boolean> | undefined

  /** @param places - where the balancer listens */
  constructor(
    settings: Settings,
    places: readonly ListenTarget[],
    world: World,
    events: BalancerEvents,
    { forking = plainForking, isCommand = false }: BalancerOptions = {},
  ) {
    this.#events = events
    this.#places = [...places]
    this.#ofFirstCall = places.length
    this.#isCommand = isCommand
    this.#listeners = new Listeners({
      logger: settings.logger,
      steering: () => this.#steering,
      // Under the command the proxies are in front of the port of the command, not of all that the program listens on.
      isBehindProxy: (target) => !isCommand || (!isPath(target) && target.port === this.#address?.port),
    })
    this.#world = world
    this.#startedAt = world.now()
    this.#settings = settings
    this.#ownership = new Ownership(settings.workers, {
      serves: (id) => this.#supervisor.serves(id),
      moved: (table, moved, reason) => this.#moved(table, moved, reason),
    })
    this.#peerDirectory = new PeerDirectory(world, {
      processes: () => this.#supervisor.processes,
      owners: () => [...this.#ownership.table.owners],
      transfer: (channel, handle, metadata) => this.#steering.transfer(channel, handle, metadata),
    })
    this.#ticketKeys = new TicketKeys(world, settings.ticketRotation, () => this.#supervisor.processes)
    this.#native = chooseTransport(forking.isShared, world)
    this.#serviceManager = new ServiceManager(settings.logger, () => this.#supervisor.workers)
    const { transport } = this.#native
    const { serialization } = transport
    this.#broker = new BusBroker(serialization, settings.logger, () => this.#supervisor.processes)
    this.#exchange = new Exchange(settings.logger, serialization, () => this.#supervisor.processes)
    this.#workerFactory = new WorkerFactory(settings, {
      transport,
      forking,
      directory: this.#peerDirectory,
      opened: (channel) => {
        this.#listeners.started(channel)
        this.#broker.started(channel)
        this.#exchange.started(channel)
      },
    })
    this.#supervisor = new Supervisor(settings, world, (id, restarts) => this.#program(id, restarts), {
      ready: (process) => this.#workerReady(process),
      retired: ({ channel }) => this.#steering.retire(channel),
      ended: (process, exit) => this.#workerEnded(process, exit),
      stateChanged: ({ id, pid, state }, from) => this.#tell('worker:state', { id, pid, from, state }),
      healthChanged: ({ id, healthy }) => (healthy ? this.#ownership.restore(id) : this.#ownership.ejectUnhealthy(id)),
      silence: ({ channel }, now) => this.#steering.silence(channel, now),
      tripped: (reason, last, isNoneLeft) => this.#tripped(reason, last, isNoneLeft),
      foreignMessage: (process, message) => {
        if (!this.#takeReport(message) && !forking.relays(process.child)) this.#exchange.pass(process, message)
      },
      adapterMessage: (process, message) => this.#exchange.pass(process, message, true),
    })
    this.#operations = new Operations(settings.logger, world, {
      reload: async () => {
        await this.#serviceManager.reloading(() => this.#supervisor.reload())
        // The new program may not listen everywhere that the old one did.
        await this.#listeners.closeUnused()
      },
      scale: async (workers) => {
        this.#ownership.resize(workers)
        await this.#supervisor.scale(workers)
      },
    })
    surviveClosedStderr()
    this.#stopSignals = handleSignals(settings, world, {
      first: (deadline) => this.close({ deadline }),
      second: () => this.#supervisor.kill(),
      reload: () => this.#report(this.reload()),
      scale: (by) => this.#report(this.scale(changedBy(by, this.#operations.wantedWorkers ?? this.#ownership.workers))),
    })
    this.#stopCrash = handleCrash(settings.logger, () => this.#supervisor.abandon())
    this.ready = this.#start().catch((error: unknown) => {
      // Nothing was started: this process may try again, on another port for example.
      if (this.#address === null) this.#release()
      throw error
    })
    if (settings.signal?.aborted) void this.close()
    settings.signal?.addEventListener('abort', () => void this.close(), { once: true })
  }

  address(): Address | null {
    // Under the command the first port may be closed, because the program listens on another one.
    const addresses = this.#listeners.open.map(({ address }) => address)
    return addresses.find((address) => typeof address === 'object') ?? this.#address
  }

  /** Listens there too, for another server of the application. A failure rejects `ready`, or is an 'error' later. */
  add(places: readonly ListenTarget[]): void {
    if (!this.#isStarted) return void this.#places.push(...places)
    for (const place of places) {
      this.#listeners.add(place, true).catch((error: unknown) => {
        if (error instanceof StickyError) this.#tell('error', error)
      })
    }
  }

  status(): Status {
    return this.#admin.status({
      now: this.#world.now(),
      startedAt: this.#startedAt,
      address: this.address(),
      addresses: this.#listeners.open.map(({ address }) => address),
      settings: this.#settings,
      table: this.#ownership.table,
      steering: this.#steering,
      reason: this.#steeringReason,
      transport: this.#native.transport.name,
      supervisor: this.#supervisor,
      bus: this.#broker.status(),
      bridge: this.#exchange.bridge,
    })
  }

  explain(address: string): Explanation {
    return explain(address, this.#settings, this.#ownership.table, this.#ownership.workers, this.#steering.name)
  }

  async reload(): Promise<void> {
    if (this.#address === null) await this.ready
    await this.#operations.reload()
  }

  async scale(workers: number): Promise<void> {
    checkWorkerCount(workers)
    if (this.#address === null) await this.ready
    await this.#operations.scale(workers)
  }

  async close(options?: CloseOptions): Promise<boolean> {
    const deadline = closeDeadline(options, this.#settings)
    return (this.#closing ??= this.#close(deadline))
  }

  async #start(): Promise<void> {
    const settings = this.#settings
    const { logger, workers } = settings
    checkEntry(settings)
    // In its own turn, so that all calls of stickyListen in this one are known.
    await Promise.resolve()
    const { steering, reason, passed } = await chooseSteering(
      settings,
      this.#isCommand ? undefined : this.#places.length,
      this.#native,
      this.#ownership.table,
      this.#steeringEvents,
      this.#serviceManager,
      this.#world,
    )
    this.#steering = steering
    this.#steeringReason = reason
    await this.#admin.open(settings, {
      status: () => this.status(),
      explain: (address) => this.explain(address),
      reload: () => this.#report(this.reload()),
      scale: (count) => this.#report(this.scale(count)),
    })
    const address = await this.#openAll()
    if (!this.#isCommand) await passed.discardRest()
    // An option `port` is always one of TCP.
    this.#address = address as Address
    if (this.#closing !== undefined) {
      await this.#steering.closeListeners()
      throw new StickyError('HOLDFAST_CLOSED')
    }
    this.#tell('listening', this.#address)
    const allReady = this.#firstReady.all(workers)
    this.#supervisor.start(workers)
    // Loads the native hash, which the primary has the time for while its workers start.
    logDegraded(settings, this.#native)
    await allReady
    const how = { steering: steering.name, why: reason, transport: this.#native.transport.name }
    logger.info('balancer.ready', { ...this.#address, workers, ...how })
    this.#serviceManager.ready()
    if (this.#isCommand) this.#closeUnusedLater(passed)
  }

  /** A program may listen on another port than the command has opened for it. */
  #closeUnusedLater(passed: PassedSockets): void {
    const closeUnused = (): void => {
      // The next process of a worker that has just crashed will listen there.
      if (!this.#supervisor.workers.every(({ isServing }) => isServing)) return this.#closeUnusedLater(passed)
      void this.#listeners.closeUnused()
      void passed.discardRest()
    }
    this.#world.setTimeout(closeUnused, this.#settings.limits.holdTimeout).unref()
  }

  /** @returns the address of the first listener */
  async #openAll(): Promise<Address | string | undefined> {
    let first: Address | string | undefined
    // Calls of stickyListen may add places meanwhile.
    for (let place; (place = this.#places.shift()) !== undefined;) {
      const address = await this.#listeners.add(place, !this.#isCommand)
      first ??= address
    }
    this.#isStarted = true
    return first
  }

  /**
   * Emits 'error' where an operation fails that a signal or the admin interface has started: no caller in the application
   * learns of it.
   */
  async #report(operation: Promise<void>): Promise<void> {
    try {
      await operation
    } catch (error) {
      if (error instanceof StickyError && error.code !== 'HOLDFAST_CLOSED') this.#tell('error', error)
      throw error
    }
  }

  #program(id: number, restarts: number): Program {
    const address = this.#address ?? { address: '::', family: 'IPv6', port: 0 }
    const { workers } = this.#ownership
    const former = this.#supervisor.workers.find((worker) => worker.id === id)?.process
    return this.#workerFactory.program({
      id,
      restarts,
      address,
      workers,
      listeners: this.#listeners.open,
      ofFirstCall: this.#ofFirstCall,
      expected: this.#listeners.servedBy(former?.channel),
    })
  }

  #workerReady(worker: WorkerProcess): void {
    this.#listeners.ready(worker.channel, worker.listeners)
    this.#ticketKeys.give(worker)
    const endpoint = this.#workerFactory.endpointOf(worker.channel)
    if (endpoint !== undefined) this.#steering.attach(worker.id, worker.channel, endpoint)
    this.#ownership.restore(worker.id)
    this.#tell('worker:ready', { id: worker.id, pid: worker.pid })
    this.#firstReady.ready(worker.id)
  }

  #workerEnded(worker: WorkerProcess, { code, signal }: WorkerExit): void {
    const { channel } = worker
    this.#steering.detach(channel)
    this.#listeners.ended(channel)
    this.#workerFactory.endpointOf(channel)?.close()
    this.#peerDirectory.ended(channel)
    this.#broker.gone(channel)
    this.#exchange.gone(worker)
    this.#admin.gone(worker)
    this.#tell('worker:exit', { id: worker.id, pid: worker.pid, code, signal })
  }

  #tripped(reason: string, last: string | undefined, isNoneLeft: boolean): void {
    const error = neverReady(reason, last)
    this.#tell('error', error)
    if (!isNoneLeft || this.#settings.restart.onGiveUp === 'keep' || this.#closing !== undefined) return
    giveUp(this.#settings.logger, error, () => this.#supervisor.kill())
  }

  /** @returns whether the message is a report of Node's watch mode */
  #takeReport(message: unknown): boolean {
    const files = reportedFiles(message)
    if (files === undefined) return false
    passUp(message)
    this.#events.loaded(files)
    return true
  }

  #moved(table: SlotTable, moved: number, reason: string): void {
    this.#steering.assign(table)
    this.#settings.logger.info('slots.moved', { moved, reason })
    this.#tell('slots:moved', { moved, workers: table.workers, reason })
  }

  #tell<K extends keyof PrimaryEvents>(event: K, ...args: PrimaryEvents[K]): void {
    this.#serviceManager.changed()
    this.#peerDirectory.changed()
    this.#events.tell(event, ...args)
  }

  async #close(deadline: number): Promise<boolean> {
    const { logger } = this.#settings
    logger.info('balancer.close', { deadline, pending: this.#steering.pending })
    const end = this.#world.now() + deadline
    this.#admin.closing()
    this.#operations.close()
    this.#serviceManager.stopping()
    await this.#steering.closeListeners()
    await this.#steering.drained(deadline / 2)
    await this.#peerDirectory.closing()
    for (const { channel } of this.#supervisor.processes) this.#steering.retire(channel)
    const clean = await this.#supervisor.stop(closing(this.#settings, Math.max(0, end - this.#world.now())))
    this.#steering.close()
    this.#firstReady.failed(new StickyError('HOLDFAST_CLOSED'))
    await new Deadline(OUTPUT_TIMEOUT, this.#world).wait(outputWritten())
    logger.info('balancer.closed', { clean })
    this.#release()
    return clean
  }

  #release(): void {
    this.#stopSignals()
    this.#stopCrash()
    this.#admin.close()
    this.#serviceManager.close()
    this.#peerDirectory.close()
    this.#ticketKeys.close()
    void this.#exchange.close()
    this.#events.closed()
  }
}
