// Keeps n workers alive. A worker is an id; the processes that serve as it come and go (managed-worker.ts).
import { StickyError } from '../errors.ts'
import type { Drain } from '../ipc/messages.ts'
import type { Settings } from '../options/settings.ts'
import type { World } from '../world.ts'
import { replaced } from './drain-plans.ts'
import type { Program } from './fork.ts'
import { healthActions } from './health-actions.ts'
import { HealthMonitor } from './health-monitor.ts'
import type { ManagedWorker, Supervision, WorkerEvents } from './managed-worker.ts'
import { Restarter } from './restarter.ts'
import { rolling } from './rolling.ts'
import { StartOutput } from './stderr-relay.ts'
import type { WorkerExit } from './worker-exit.ts'
import { WorkerPool } from './worker-pool.ts'
import { WorkerProcess } from './worker-process.ts'
import type { WorkerState } from './worker-state.ts'

export interface SupervisorEvents extends WorkerEvents {
  /** The verdict on the health of the process that serves as this worker has changed. */
  healthChanged(process: WorkerProcess): void
  /** Too many crashes: no worker is started for `restart.retryDelay`. `isNoneLeft`: and no worker serves. */
  tripped(reason: string, last: string | undefined, isNoneLeft: boolean): void
  /** Milliseconds that the process has owed an answer to steering. */
  silence(process: WorkerProcess, now: number): number
}

/** @param restarts - processes that served as this worker before */
export type ProgramOf = (id: number, restarts: number) => Program

export class Supervisor implements Supervision {
  /** How often a process has entered each state. */
  readonly entered: Record<WorkerState, number> = { starting: 0, ready: 0, draining: 0, stopping: 0, gone: 0 }
  readonly settings: Settings
  readonly world: World
  readonly events: SupervisorEvents
  readonly restarter: Restarter
  readonly #programOf: ProgramOf
  readonly #healthMonitor: HealthMonitor
  readonly #pool = new WorkerPool()
  /** All processes that live, also those that no longer serve as a worker. */
  readonly #processes = new Set<WorkerProcess>()
  readonly #startOutput = new StartOutput()
  #generation = 0
  #isStopping = false
  #hadToKill = false

  constructor(settings: Settings, world: World, programOf: ProgramOf, events: SupervisorEvents) {
    this.settings = settings
    this.world = world
    this.events = events
    this.#programOf = programOf
    this.restarter = new Restarter(settings.restart, settings.logger, world, (reason, last) =>
      events.tripped(reason, last, !this.#pool.isServing),
    )
    const act = healthActions(settings, world, {
      // A standby owns no slots.
      healthChanged: (process) => {
        if (process.id >= 0) events.healthChanged(process)
      },
      replace: async (process) => this.#workerOf(process)?.replace(),
      replaceStuck: (process) => this.#workerOf(process)?.replaceStuck(),
    })
    this.#healthMonitor = new HealthMonitor(settings, world, {
      processes: () => this.#processes,
      silence: (process, now) => (process.id < 0 ? 0 : events.silence(process, now)),
      found: act,
    })
  }

  get workers(): readonly ManagedWorker[] {
    return this.#pool.workers
  }

  get workerCount(): number {
    return this.#pool.workers.length
  }

  get processes(): ReadonlySet<WorkerProcess> {
    return this.#processes
  }

  /** Standby processes that could take over now. */
  get standbyCount(): number {
    return this.#pool.standbyCount
  }

  /** Whether a process serves as this worker. */
  serves(id: number): boolean {
    return this.#pool.serves(id)
  }

  start(workers: number): void {
    for (const worker of this.#pool.grow(workers, this)) worker.start()
    for (const standby of this.#pool.growStandbys(this.settings.standby, this)) standby.start()
    this.#healthMonitor.start()
  }

  /** Replaces all processes by new ones of the same program. @throws StickyError HOLDFAST_RELOAD_FAILED */
  async reload(): Promise<void> {
    const generation = ++this.#generation
    await this.#replaceAll([...this.#pool.workers], generation)
    for (const { process, successor } of this.#pool.standbys) {
      successor?.drain(replaced(this.settings))
      process?.drain(replaced(this.settings))
    }
    // A standby with the old program may have taken the place of a new process that crashed.
    const old = this.#pool.workers.filter(({ process }) => process !== undefined && process.generation < generation)
    if (old.length > 0) await this.#replaceAll(old, generation)
  }

  /** Resolves when so many workers serve and the others have ended. @throws StickyError HOLDFAST_WORKER_NOT_READY */
  async scale(workers: number): Promise<void> {
    const removed = this.#pool.cut(workers)
    const added = this.#pool.grow(workers, this)
    for (const worker of added) worker.start()
    for (const process of this.#processes) process.tellWorkerCount(workers)
    await Promise.all([
      ...added.map(({ id, process }) => process?.started ?? Promise.reject(notForked(id))),
      ...removed.map((worker) => worker.dismiss()),
    ])
  }

  /** Lets every worker finish. @returns whether all ended by themselves */
  async stop(how: Drain): Promise<boolean> {
    this.#stopStarting()
    for (const process of this.#processes) process.drain(how)
    await Promise.all([...this.#processes].map((process) => process.ended))
    return !this.#hadToKill
  }

  /** This process is about to end: asks the workers to end too. */
  abandon(): void {
    this.#stopStarting()
    for (const process of this.#processes) process.stop('SIGTERM')
  }

  /** Ends everything now. */
  kill(): void {
    this.#stopStarting()
    this.#hadToKill = true
    for (const process of this.#processes) process.stop('SIGKILL')
  }

  // What the managed workers need.

  startProcess(worker: ManagedWorker): WorkerProcess {
    if (this.#isStopping) throw new StickyError('HOLDFAST_CLOSED')
    const { health, logger } = this.settings
    const program = this.#programOf(worker.id, worker.restarts)
    const options = { generation: this.#generation, readyTimeout: health.readyTimeout, workerCount: this.workerCount }
    const process = new WorkerProcess(worker, program, this.world, options)
    logger.debug('worker.start', { worker: worker.id, pid: process.pid })
    this.#processes.add(process)
    this.entered.starting++
    return process
  }

  takeStandbyProcess(): WorkerProcess | undefined {
    return this.#isStopping ? undefined : this.#pool.readyStandby?.giveProcess()
  }

  standbyReady(): void {
    this.#pool.waitingWorker?.takeStandby()
  }

  stateEntered({ state }: WorkerProcess): void {
    this.entered[state]++
  }

  processEnded(process: WorkerProcess, exit: WorkerExit): void {
    const { id, pid, isExpectedToEnd, stderr } = process
    const { code, signal, failure } = exit
    const uptime = Math.round(exit.uptime)
    this.#startOutput.show(stderr)
    const level = this.#isStopping || isExpectedToEnd ? 'info' : 'warn'
    this.settings.logger[level]('worker.exit', { worker: id, pid, code, signal, uptime, failure })
    this.#processes.delete(process)
    if (signal === 'SIGKILL' && isExpectedToEnd && this.#isStopping) this.#hadToKill = true
    this.events.ended(process, exit)
  }

  #stopStarting(): void {
    this.#isStopping = true
    this.#healthMonitor.stop()
    for (const worker of this.#pool.all) worker.stop()
  }

  /** The worker or standby that the process serves as; undefined where another process does by now. */
  #workerOf(process: WorkerProcess): ManagedWorker | undefined {
    return this.#pool.all.find((worker) => worker.process === process)
  }

  /** Replaces the processes by others of at least this generation. @throws StickyError HOLDFAST_RELOAD_FAILED */
  async #replaceAll(workers: readonly ManagedWorker[], generation: number): Promise<void> {
    const { logger, reload } = this.settings
    let done = 0
    await rolling(workers, reload.parallel, async (worker) => {
      const { process, successor } = worker
      // A successor that was started before the reload has the old program.
      if (successor !== undefined && successor.generation < generation) await successor.started.catch(() => {})
      // A process that was started since the reload began has the new program already.
      const isNew = successor === undefined && process?.state === 'starting' && process.generation >= generation
      await (isNew ? process.started : worker.replace())
      logger.info('reload.worker', { worker: worker.id, done: ++done, of: workers.length })
    })
  }
}

function notForked(id: number): StickyError {
  return new StickyError('HOLDFAST_WORKER_NOT_READY', `worker ${id} could not be started; it is tried again`)
}
