// Keeps n workers alive. A worker is an id; the processes that serve as it come and go.
import { StickyError } from '../errors.ts'
import type { Drain } from '../ipc/messages.ts'
import type { Settings } from '../options/settings.ts'
import { Crew } from './worker-pool.ts'
import { replaced } from './drain-plans.ts'
import { launch, type LaunchEvents } from './launch.ts'
import type { Member } from './member.ts'
import { Renewal } from './renewal.ts'
import { Revival } from './revival.ts'
import { StartOutput } from './stderr-relay.ts'
import { Succession } from './succession.ts'
import { treatment } from './health-actions.ts'
import { Watch } from './health-monitor.ts'
import type { Program } from './fork.ts'
import type { WorkerExit } from './worker-exit.ts'
import type { WorkerProcess } from './worker-process.ts'
import type { WorkerState } from './worker-state.ts'

export interface SupervisorEvents extends Omit<LaunchEvents, 'stopping'> {
  /** The process serves as its worker from now on. */
  ready(worker: WorkerProcess): void
  /** The process that serves as this worker is not well, or well again. */
  well(worker: WorkerProcess, well: boolean): void
  /** Too many crashes: no worker is started for `restart.retryDelay`. `alone`: and none is left that serves. */
  tripped(reason: string, last: WorkerExit | undefined, alone: boolean): void
  /** Milliseconds that the process has owed an answer to steering. */
  silence(worker: WorkerProcess, now: number): number
}

export class Supervisor {
  /** How often a process has entered each state. */
  readonly entered: Record<WorkerState, number> = { starting: 0, ready: 0, draining: 0, stopping: 0, gone: 0 }
  readonly #settings: Settings
  readonly #program: (id: number, restarts: number) => Program
  readonly #events: SupervisorEvents
  readonly #revival: Revival
  readonly #succession: Succession
  readonly #renewal: Renewal
  readonly #watch: Watch
  readonly #crew = new Crew()
  /** Everything that lives, also processes that no longer are anybody's current one. */
  readonly #processes = new Set<WorkerProcess>()
  readonly #output = new StartOutput()
  #generation = 0
  #stopping = false
  #forced = false

  constructor(settings: Settings, program: (id: number, restarts: number) => Program, events: SupervisorEvents) {
    this.#settings = settings
    this.#program = program
    this.#events = events
    this.#revival = new Revival(settings.restart, settings.logger, {
      fork: (member) => this.#fork(member),
      tripped: ({ lastExit }, reason) => events.tripped(reason, lastExit, !this.#crew.isServing),
    })
    this.#succession = new Succession(settings, this.#crew, this.#revival, {
      ready: (worker) => events.ready(worker),
      leaving: (worker) => events.leaving(worker),
      stopping: () => this.#stopping,
    })
    this.#renewal = new Renewal(settings, this.#revival, {
      start: (member) => this.#start(member),
      leaving: (worker) => events.leaving(worker),
      standIn: (member) => this.#succession.standIn(member),
    })
    const treat = treatment(settings, {
      well: (worker) => this.#events.well(worker, worker.healthy),
      replace: async (worker) => this.#unlessReplaced(worker, (member) => this.#renewal.renew(member)),
      succeed: (worker) => this.#unlessReplaced(worker, (member) => this.#renewal.succeed(member)),
    })
    this.#watch = new Watch(settings, {
      processes: () => this.#processes,
      silence: (worker, now) => (worker.id < 0 ? 0 : events.silence(worker, now)),
      found: treat,
    })
  }

  get members(): readonly Readonly<Member>[] {
    return this.#crew.workers
  }

  get processes(): ReadonlySet<WorkerProcess> {
    return this.#processes
  }

  /** Spares that could take over now. */
  get standby(): number {
    return this.#crew.standby
  }

  /** Whether a process serves as this worker. */
  serves(id: number): boolean {
    return this.#crew.serves(id)
  }

  start(workers: number): void {
    const { workers: members, standbys } = this.#crew
    while (members.length < workers) this.#fork(this.#crew.addWorker())
    while (standbys.length < this.#settings.standby) this.#fork(this.#crew.addStandby())
    this.#watch.start()
  }

  /** Replaces all processes by new ones of the same program. @throws StickyError HOLDFAST_RELOAD_FAILED */
  async reload(): Promise<void> {
    const generation = ++this.#generation
    await this.#renewal.reload([...this.#crew.workers], generation)
    for (const { current } of this.#crew.standbys) current?.drain(replaced(this.#settings))
    // A standby of the old program may have taken the place of one that was new already and crashed.
    const old = this.#crew.workers.filter(({ current }) => current !== undefined && current.generation < generation)
    if (old.length > 0) await this.#renewal.reload(old, generation)
  }

  /** Resolves when so many workers serve and the others have ended. @throws StickyError HOLDFAST_WORKER_NOT_READY */
  async scale(workers: number): Promise<void> {
    const removed = this.#crew.cut(workers)
    const added: Member[] = []
    while (this.#crew.workers.length < workers) {
      const member = this.#crew.addWorker()
      added.push(member)
      this.#fork(member)
    }
    for (const worker of this.#processes) worker.send({ type: 'worker-count', workers })
    await Promise.all([
      ...added.map(({ id, current }) => current?.started ?? Promise.reject(notForked(id))),
      ...removed.map((one) => this.#renewal.dismiss(one)),
    ])
  }

  /** Lets every worker finish. @returns whether all ended by themselves */
  async stop(how: Drain): Promise<boolean> {
    this.#halt()
    for (const worker of this.#processes) worker.drain(how)
    await Promise.all([...this.#processes].map((worker) => worker.ended))
    return !this.#forced
  }

  /** This process is about to end. */
  abandon(): void {
    this.#halt()
    for (const worker of this.#processes) worker.stop('SIGTERM')
  }

  /** Ends everything now. */
  kill(): void {
    this.#halt()
    this.#forced = true
    for (const worker of this.#processes) worker.stop('SIGKILL')
  }

  #halt(): void {
    this.#stopping = true
    this.#watch.stop()
    this.#revival.halt(this.#crew.all)
  }

  /** Starts the process that the member lacks. */
  #fork(member: Member): void {
    if (this.#stopping) return
    try {
      member.current = this.#start(member)
    } catch (error) {
      // Out of processes, memory or descriptors: the same as a crash, tried again with growing delays.
      this.#settings.logger.error('worker.fork-failed', { worker: member.id, error })
      this.#revival.restart(member, 0)
    }
  }

  #start({ id, restarts }: Member): WorkerProcess {
    if (this.#stopping) throw new StickyError('HOLDFAST_CLOSED')
    const post = { id, generation: this.#generation, program: this.#program(id, restarts) }
    const worker = launch(post, this.#settings, this.#output, {
      state: (_, from) => {
        this.entered[worker.state]++
        this.#events.state(worker, from)
      },
      message: (_, message) => this.#events.message(worker, message),
      ready: () => this.#succession.ready(worker),
      leaving: () => this.#succession.leaving(worker),
      gone: (_, exit) => this.#gone(worker, exit),
      stopping: () => this.#stopping,
    })
    this.#processes.add(worker)
    this.entered.starting++
    return worker
  }

  /** Something else may have come first. */
  #unlessReplaced<T>(worker: WorkerProcess, act: (member: Member) => T): T | undefined {
    const member = this.#crew.memberOf(worker)
    return member?.current === worker ? act(member) : undefined
  }

  #gone(worker: WorkerProcess, exit: WorkerExit): void {
    this.#processes.delete(worker)
    if (exit.signal === 'SIGKILL' && worker.expected && this.#stopping) this.#forced = true
    this.#events.gone(worker, exit)
    this.#succession.gone(worker, exit)
  }
}

function notForked(id: number): StickyError {
  return new StickyError('HOLDFAST_WORKER_NOT_READY', `worker ${id} could not be started; it is tried again`)
}
