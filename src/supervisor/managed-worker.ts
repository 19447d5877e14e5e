// One worker id and the processes that serve as it, one after the other. worker-phases.ts says what follows what; this
// class does it. A standby is a managed worker too, with a negative id.
import { StickyError } from '../errors.ts'
import type { Settings } from '../options/settings.ts'
import type { World } from '../world.ts'
import { leaving, replaced } from './drain-plans.ts'
import { isFailedStart } from './breaker.ts'
import type { End, Restarter } from './restarter.ts'
import { howItEnded, type WorkerExit } from './worker-exit.ts'
import { accepts, transition, type Action, type Phase, type PhaseEvent } from './worker-phases.ts'
import type { WorkerProcess, WorkerProcessOwner } from './worker-process.ts'
import type { WorkerState } from './worker-state.ts'

/** What the primary does at the events of its workers. */
export interface WorkerEvents {
  /** Connections go to the process from now on. */
  ready(process: WorkerProcess): void
  /** The process gets no more connections; it still serves those that it has. */
  retired(process: WorkerProcess): void
  /** The process has ended. */
  ended(process: WorkerProcess, exit: WorkerExit): void
  /** The state of the process has changed. */
  stateChanged(process: WorkerProcess, from: WorkerState): void
  /** The process sent a message that is not Holdfast's. */
  foreignMessage(process: WorkerProcess, message: unknown): void
  /** The process sent a message of the Socket.IO adapter that attachSocketIO has set. */
  adapterMessage(process: WorkerProcess, message: object): void
}

/** What a managed worker needs of the supervisor. */
export interface Supervision {
  readonly settings: Settings
  readonly world: World
  readonly events: WorkerEvents
  readonly restarter: Restarter
  /** How many workers there are meant to be. */
  readonly workerCount: number
  /** @throws Error of the system when no process can be started */
  startProcess(worker: ManagedWorker): WorkerProcess
  /** Takes the process of a ready standby; undefined if none is ready, or the primary stops. */
  takeStandbyProcess(): WorkerProcess | undefined
  /** A standby process is ready: a worker without a process may take it. */
  standbyReady(): void
  /** A process has entered a state. */
  stateEntered(process: WorkerProcess): void
  /** A process has ended. */
  processEnded(process: WorkerProcess, exit: WorkerExit): void
}

/** Facts of an event that its actions need. */
interface EventDetails {
  /** The standby process that takes over. */
  standby?: WorkerProcess
  /** How the process, or its successor, ended. */
  end?: End
}

/** A start that the system refused. */
const NOT_STARTED: End = { served: 0, crashed: false }

export class ManagedWorker implements WorkerProcessOwner {
  /** Worker id; negative for a standby. */
  readonly id: number
  readonly #supervision: Supervision
  #phase: Phase = 'idle'
  #process: WorkerProcess | undefined
  #successor: WorkerProcess | undefined
  /** The process before the last promotion or takeover. */
  #former: WorkerProcess | undefined
  #restarts = 0
  #lastExit: WorkerExit | undefined
  /** How the last process that served as this worker ended or left, in words. */
  #lastEnd: string | undefined
  /** Runs until the next start. */
  #startTimer: NodeJS.Timeout | undefined

  constructor(id: number, supervision: Supervision) {
    this.id = id
    this.#supervision = supervision
  }

  get phase(): Phase {
    return this.#phase
  }

  /** The process that serves as this worker, or will as soon as it is ready. */
  get process(): WorkerProcess | undefined {
    return this.#process
  }

  get successor(): WorkerProcess | undefined {
    return this.#successor
  }

  /** Whether a process serves as this worker and gets new clients. */
  get isServing(): boolean {
    return this.#process?.state === 'ready'
  }

  /** Processes that served as this worker before the present one. */
  get restarts(): number {
    return this.#restarts
  }

  /** How the last process that ended under this id did. */
  get lastExit(): WorkerExit | undefined {
    return this.#lastExit
  }

  start(): void {
    this.#dispatch('start')
  }

  /** Plans nothing any more. The processes are the supervisor's to end. */
  stop(): void {
    this.#dispatch('stop')
  }

  /**
   * Starts a successor, unless one starts already, and waits until it serves and the former process has ended.
   *
   * @throws StickyError HOLDFAST_WORKER_NOT_READY where the successor does not get ready; the former process serves on
   * @throws Error of the system where no process can be started
   */
  async replace(): Promise<void> {
    const former = this.#process
    const successor = this.#successor ?? this.#startSuccessor()
    await successor.started
    // The process of a standby that a worker has taken meanwhile does not end now.
    if (former?.id === this.id) await former.ended
  }

  /** Gets a successor for a process that is being ended: a standby at once, else a new process. */
  replaceStuck(): void {
    if (this.#successor !== undefined || this.takeStandby()) return
    this.replace().catch((error: unknown) => {
      this.#supervision.settings.logger.error('worker.replace-failed', { worker: this.id, error })
    })
  }

  /** The worker is scaled away. Resolves when its process has finished. */
  async dismiss(): Promise<void> {
    const process = this.#process
    this.#dispatch('dismiss')
    await process?.ended
  }

  /** A standby process takes the place. @returns whether there was one */
  takeStandby(): boolean {
    const { settings, workerCount } = this.#supervision
    if (this.id < 0 || !accepts(this.#phase, 'takeover')) return false
    const standby = this.#supervision.takeStandbyProcess()
    if (standby === undefined) return false
    standby.become(this, workerCount)
    settings.logger.info('worker.standby', { worker: this.id, pid: standby.pid })
    this.#dispatch('takeover', { standby })
    return true
  }

  /** Whether this is a standby with a process that a worker may take. */
  get canGiveProcess(): boolean {
    return this.id < 0 && this.isServing && accepts(this.#phase, 'taken')
  }

  /** Gives up the process of this standby: it becomes the process of a worker. */
  giveProcess(): WorkerProcess | undefined {
    if (!this.canGiveProcess) return undefined
    const process = this.#process
    this.#dispatch('taken')
    return process
  }

  // The events of the processes, also of those that no longer serve as this worker.

  processReady(process: WorkerProcess): void {
    const { settings, world, workerCount } = this.#supervision
    process.tellWorkerCount(workerCount)
    const after = Math.round(world.now() - process.startedAt)
    const standby = this.id < 0 || undefined
    settings.logger.info('worker.ready', { worker: this.id, pid: process.pid, after, standby })
    if (process === this.#successor) this.#dispatch('successorReady')
    else if (process === this.#process) this.#dispatch('ready')
  }

  processSlowToStart(process: WorkerProcess, after: number, hint: string): void {
    if (process.isExpectedToEnd) return
    this.#supervision.settings.logger.warn('worker.slow-start', { worker: this.id, pid: process.pid, after, hint })
  }

  processNotReady(process: WorkerProcess, after: number): void {
    this.#supervision.settings.logger.error('worker.not-ready', { worker: this.id, pid: process.pid, after })
  }

  processLeaves(process: WorkerProcess, reason: string): void {
    const { settings, events, world } = this.#supervision
    // SIGTERM came from outside: no fault of the program.
    const end: End = { served: process.served(world.now()), crashed: false, left: reason !== 'SIGTERM' }
    const isEarly = end.left === true && isFailedStart(end, settings.restart.stableAfter)
    const level = isEarly ? 'warn' : 'info'
    const hint = isEarly ? 'counts as a failed start: it comes within restart.stableAfter' : undefined
    settings.logger[level]('worker.leave', { worker: this.id, pid: process.pid, reason, hint })
    events.retired(process)
    process.drain(leaving(settings))
    if (process !== this.#process) return
    this.#lastEnd = `it left by itself (${reason})`
    this.#dispatch('left', { end })
  }

  processEnded(process: WorkerProcess, exit: WorkerExit): void {
    this.#supervision.processEnded(process, exit)
    this.#lastExit = exit
    const crashed = !process.isExpectedToEnd
    const end: End = { served: exit.served, crashed, left: crashed && exit.code === 0 }
    if (process === this.#process || process === this.#successor) this.#lastEnd = howItEnded(exit)
    if (process === this.#process) this.#dispatch('ended', { end })
    else if (process === this.#successor) this.#dispatch('successorEnded', { end: { ...end, served: 0 } })
  }

  processStateChanged(process: WorkerProcess, from: WorkerState): void {
    const { settings, events } = this.#supervision
    settings.logger.debug('worker.state', { worker: this.id, pid: process.pid, from, state: process.state })
    this.#supervision.stateEntered(process)
    events.stateChanged(process, from)
  }

  processSentUnknown(process: WorkerProcess): void {
    this.#supervision.settings.logger.warn('worker.unknown-message', { worker: this.id, pid: process.pid })
  }

  processSentForeign(process: WorkerProcess, message: unknown): void {
    this.#supervision.events.foreignMessage(process, message)
  }

  processSentAdapterMessage(process: WorkerProcess, message: object): void {
    this.#supervision.events.adapterMessage(process, message)
  }

  #startSuccessor(): WorkerProcess {
    if (!accepts(this.#phase, 'replace')) {
      throw new StickyError('HOLDFAST_WORKER_NOT_READY', `worker ${this.id} has no process to replace (${this.#phase})`)
    }
    const successor = this.#supervision.startProcess(this)
    this.#successor = successor
    this.#dispatch('replace')
    return successor
  }

  #dispatch(event: PhaseEvent, context: EventDetails = {}): void {
    const { to, actions } = transition(this.#phase, event)
    this.#phase = to
    for (const action of actions) this.#perform(action, context)
    this.#former = undefined
  }

  #perform(action: Action, { standby, end = NOT_STARTED }: EventDetails): void {
    const { settings, world, events, restarter } = this.#supervision
    switch (action) {
      case 'fork':
        return this.#fork()
      case 'cancelStart':
        return world.clearTimeout(this.#startTimer)
      case 'recordEnd':
      case 'recordSuccessorEnd':
        return restarter.record(this.id, end)
      case 'forgetEnds':
        return restarter.forget(this.id)
      case 'clearProcess':
        this.#process = undefined
        this.#restarts++
        return
      case 'clearSuccessor':
        this.#successor = undefined
        return
      case 'promote':
        return this.#putInPlace(this.#successor)
      case 'adopt':
        return this.#putInPlace(standby)
      case 'announce':
        if (this.id < 0) this.#supervision.standbyReady()
        else if (this.#process !== undefined) events.ready(this.#process)
        return
      case 'retire':
        return this.#retire(this.#process)
      case 'retireFormer':
        // A process that is being ended by signals gets no other orders.
        return this.#retire(this.#former, this.#former?.state !== 'stopping')
      case 'drainSuccessor':
        return this.#successor?.drain(replaced(settings))
      case 'fill':
        return this.#fill()
      case 'fillLater':
        // In the next turn: the slots of the worker come first, then the fork, which takes milliseconds.
        world.setImmediate(() => this.#fill())
    }
  }

  #fork(): void {
    const { settings } = this.#supervision
    try {
      this.#process = this.#supervision.startProcess(this)
    } catch (error) {
      // Out of processes, memory or descriptors: the same as a crash, tried again with growing delays.
      settings.logger.error('worker.fork-failed', { worker: this.id, error })
      this.#dispatch('forkFailed')
    }
  }

  #putInPlace(process: WorkerProcess | undefined): void {
    if (this.#process !== undefined) this.#restarts++
    this.#former = this.#process
    this.#process = process
    this.#successor = undefined
  }

  #retire(process: WorkerProcess | undefined, mayDrain = true): void {
    if (process === undefined) return
    const { settings, events } = this.#supervision
    events.retired(process)
    if (mayDrain) process.drain(replaced(settings))
  }

  #fill(): void {
    if (this.#phase !== 'vacant' || this.takeStandby()) return
    const { settings, world, restarter } = this.#supervision
    const delay = restarter.nextDelay(this.id, this.#lastEnd)
    // onTripped may have stopped everything meanwhile, because no worker is left.
    if (this.#phase !== 'vacant') return
    settings.logger.debug('worker.restart', { worker: this.id, delay })
    this.#dispatch('scheduled')
    this.#startTimer = world.setTimeout(() => this.#dispatch('due'), delay)
  }
}
