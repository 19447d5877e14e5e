// One child process: fork, ready, heartbeats, drain, SIGTERM then SIGKILL, exit.
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { deferred } from '../async/deferred.ts'
import { StickyError } from '../errors.ts'
import { WorkerChannel } from '../ipc/channel.ts'
import { protocolMismatch, type Drain, type Heartbeat, type ToWorker } from '../ipc/messages.ts'
import type { World } from '../world.ts'
import { BoundedRelay } from './bounded-relay.ts'
import { watchChildEnd } from './child-end.ts'
import { start, type Program } from './fork.ts'
import { StderrRelay } from './stderr-relay.ts'
import { Output, WholeLines } from './whole-lines.ts'
import { howItEnded, type WorkerExit } from './worker-exit.ts'
import { stateOf, type Standing, type WorkerState } from './worker-state.ts'

/** The worker or standby that a process serves as. */
export interface WorkerProcessOwner {
  /** Worker id; negative for a standby. */
  readonly id: number
  /** The application is attached. */
  processReady(process: WorkerProcess): void
  /** The application is not attached after so many milliseconds. @param hint - what the program has to do */
  processSlowToStart(process: WorkerProcess, after: number, hint: string): void
  /** The application was not attached within `after` milliseconds; the process is killed next. */
  processNotReady(process: WorkerProcess, after: number): void
  /** The process wants no more connections: its server was closed, or it got SIGTERM from outside. */
  processLeaves(process: WorkerProcess, reason: string): void
  processEnded(process: WorkerProcess, exit: WorkerExit): void
  processStateChanged(process: WorkerProcess, from: WorkerState): void
  /** A message of Holdfast's came that this version does not know. */
  processSentUnknown(process: WorkerProcess): void
  /** A message came that is not Holdfast's. */
  processSentForeign(process: WorkerProcess, message: unknown): void
  /** A message of the Socket.IO adapter that attachSocketIO has set came. */
  processSentAdapterMessage(process: WorkerProcess, message: object): void
}

export interface WorkerProcessOptions {
  /** Which loading of the program this is: every reload starts a new one. */
  readonly generation: number
  /** Milliseconds until the application must be attached. */
  readonly readyTimeout: number
  /** The number of workers that the process was told of. */
  readonly workerCount: number
}

/**
 * Milliseconds, at most a third of the time to get ready, after which the log says that a process is not ready. Most
 * programs never take so long, and one that never gets ready shows nothing else until it is killed.
 */
const SLOW_START = 5_000

/** Milliseconds on top of a worker's own deadline, so that its last messages arrive. */
const LAST_WORDS = 500

let output: Output | undefined

/** The stdout of this process, for all workers. */
function stdout(): Output {
  return (output ??= new Output(process.stdout))
}

/** Resolves when the output of all workers is written. */
export async function outputWritten(): Promise<void> {
  await output?.written()
}

function relayStderr(stderr: Readable, world: World): StderrRelay {
  const lines = new WholeLines((chunk) => process.stderr.write(chunk), world)
  stderr.on('end', () => lines.end())
  return new StderrRelay(stderr, (chunk) => lines.take(chunk), world)
}

export class WorkerProcess {
  readonly child: ChildProcess
  readonly channel: WorkerChannel
  /** When the process was started, on the monotonic clock. */
  readonly startedAt: number
  /** Which loading of the program this is: every reload starts a new one. */
  readonly generation: number
  readonly stderr: StderrRelay | undefined
  readonly #world: World
  readonly #relay: BoundedRelay
  readonly #standing: Standing = { attached: false, healthy: true, enabled: true, stopping: false, gone: false }
  readonly #started = deferred()
  readonly #ended = deferred()
  readonly #slowTimer: NodeJS.Timeout
  readonly #readyTimer: NodeJS.Timeout
  #owner: WorkerProcessOwner
  #state: WorkerState = 'starting'
  #readyAt: number | undefined
  #lastSign: number
  #givenUpAt = -Infinity
  #heartbeat: Heartbeat | undefined
  #listeners: readonly number[] = []
  #failure: string | undefined
  #killTimer: NodeJS.Timeout | undefined
  #isExpectedToEnd = false
  #workerCount: number

  /** @throws Error of the system when no process can be started */
  constructor(owner: WorkerProcessOwner, program: Program, world: World, options: WorkerProcessOptions) {
    const { generation, readyTimeout, workerCount } = options
    this.#workerCount = workerCount
    this.#owner = owner
    this.#world = world
    this.generation = generation
    this.startedAt = this.#lastSign = world.now()
    this.started.catch(() => {}) // the rejection is for those that wait, and there may be none
    const child = start(program)
    this.child = child
    this.#relay = new BoundedRelay(child)
    // A primary without descriptors gets a child without pipes, whatever the types say, and an 'error' event in the next turn.
    const stderr = child.stderr as Readable | null | undefined
    if (stderr) this.stderr = relayStderr(stderr, world)
    if (child.stdout) stdout().relay(child.stdout, world)
    this.channel = this.#openChannel()
    program.opened(this.channel)
    watchChildEnd(child, world, {
      failed: (message) => (this.#failure ??= message),
      ended: (code, signal) => this.#end(code, signal),
    })
    const slow = Math.min(SLOW_START, Math.round(readyTimeout / 3))
    this.#slowTimer = world.setTimeout(() => this.#owner.processSlowToStart(this, slow, program.readyHint), slow)
    this.#readyTimer = world.setTimeout(() => {
      this.#owner.processNotReady(this, readyTimeout)
      this.stop('SIGKILL', `not ready within health.readyTimeout, ${readyTimeout} ms`)
    }, readyTimeout)
  }

  /** Id of the worker that the process serves as; negative for a standby. */
  get id(): number {
    return this.#owner.id
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  get state(): WorkerState {
    return this.#state
  }

  /** Resolves when the application is attached; rejects with HOLDFAST_WORKER_NOT_READY when the process ends before. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** Resolves when the process has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Whether the application is attached, so that the process can serve. */
  get attached(): boolean {
    return this.#standing.attached && !this.#standing.gone
  }

  get healthy(): boolean {
    return this.#standing.healthy
  }

  /** The supervisor's verdict from the heartbeats. */
  set healthy(healthy: boolean) {
    this.#standing.healthy = healthy
    this.#update()
  }

  /** Whether the process is meant to get new clients; false for good once it drains. */
  get enabled(): boolean {
    return this.#standing.enabled
  }

  /** Whether the supervisor asked the process to end. */
  get isExpectedToEnd(): boolean {
    return this.#isExpectedToEnd
  }

  /** The numbers of the listeners that the process served when it was ready. */
  get listeners(): readonly number[] {
    return this.#listeners
  }

  /** When the last message came from the process, on the monotonic clock. */
  get lastSign(): number {
    return this.#lastSign
  }

  /** What the process last reported. */
  get heartbeat(): Readonly<Heartbeat> | undefined {
    return this.#heartbeat
  }

  /** Milliseconds in service so far. */
  served(now: number): number {
    return this.#readyAt === undefined ? 0 : now - this.#readyAt
  }

  /** The process of a standby serves as this worker from now on. */
  become(owner: WorkerProcessOwner, workers: number): void {
    this.#owner = owner
    this.#readyAt = this.#world.now()
    this.#workerCount = workers
    this.send({ type: 'promote', id: owner.id, workers })
  }

  /** The number of workers has changed. A process that is starting is told when it is ready. */
  tellWorkerCount(workers: number): void {
    if (!this.attached || workers === this.#workerCount) return
    this.#workerCount = workers
    this.send({ type: 'worker-count', workers })
  }

  send(message: ToWorker): void {
    this.channel.send(message)
  }

  /** Messages of other libraries that the process did not get, because too many waited for it. */
  get dropped(): number {
    return this.#relay.dropped
  }

  /**
   * Sends on a message of another library, such as Socket.IO's.
   *
   * @param bytes - about how many the message has
   */
  relay(message: object, bytes: number): void {
    this.#relay.relay(message, bytes)
  }

  /** Asks the process to finish, and kills it when it has not ended by the deadline. */
  drain(how: Drain): void {
    if (this.#standing.gone) return
    this.#isExpectedToEnd = true
    this.#standing.enabled = false
    if (this.#standing.attached) {
      this.send({ type: 'drain', ...how })
      this.#update()
    } else {
      // The application may not listen for messages yet.
      this.stop('SIGTERM')
    }
    // A process that was given up, and has been silent since, gets no more time.
    if (this.#lastSign < this.#givenUpAt) return
    this.#killAfter(how.deadline + LAST_WORDS)
  }

  /**
   * Ends the process: by SIGTERM, and by SIGKILL after `patience` milliseconds. A later {@link drain} extends this time if a
   * message has come from the process since.
   */
  terminate(patience: number): void {
    this.#givenUpAt = this.#world.now()
    this.stop('SIGTERM')
    this.#killAfter(patience)
  }

  /** @param failure - the reason, where the signal alone would not tell */
  stop(signal: NodeJS.Signals, failure?: string): void {
    if (this.#standing.gone) return
    this.#failure ??= failure
    this.#standing.stopping = true
    this.#update()
    this.child.kill(signal)
  }

  #killAfter(milliseconds: number): void {
    this.#world.clearTimeout(this.#killTimer)
    this.#killTimer = this.#world.setTimeout(() => this.stop('SIGKILL'), milliseconds)
  }

  #openChannel(): WorkerChannel {
    const channel = new WorkerChannel(this.child, {
      onReceived: () => (this.#lastSign = this.#world.now()),
      onUnknown: () => this.#owner.processSentUnknown(this),
      onForeign: (message) => this.#owner.processSentForeign(this, message),
    })
    channel.on('adapter-message', ({ message }) => this.#owner.processSentAdapterMessage(this, message))
    channel.on('ready', ({ version, listeners }) => {
      this.#listeners = listeners
      this.#ready(version)
    })
    channel.on('start-failed', ({ message }) => (this.#failure = message))
    channel.on('heartbeat', (heartbeat) => (this.#heartbeat = heartbeat))
    channel.on('leaving', ({ reason }) => this.#leave(reason))
    return channel
  }

  #ready(version: number): void {
    if (this.#standing.attached) return
    const mismatch = protocolMismatch(version)
    if (mismatch !== undefined) {
      this.#failure = mismatch
      return this.stop('SIGKILL')
    }
    this.#stopReadyTimers()
    this.#standing.attached = true
    this.#readyAt = this.#world.now()
    this.stderr?.release()
    this.#update()
    this.#owner.processReady(this)
    this.#started.resolve()
  }

  #stopReadyTimers(): void {
    this.#world.clearTimeout(this.#slowTimer)
    this.#world.clearTimeout(this.#readyTimer)
  }

  #leave(reason: string): void {
    if (!this.#standing.enabled) return
    this.#standing.enabled = false
    this.#update()
    this.#owner.processLeaves(this, reason)
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    this.#standing.gone = true
    this.#world.clearTimeout(this.#killTimer)
    this.#stopReadyTimers()
    this.#update()
    const now = this.#world.now()
    const uptime = now - this.startedAt
    const stderr = this.stderr?.tail ?? []
    const telling = this.stderr?.telling
    const exit = { code, signal, uptime, served: this.served(now), failure: this.#failure, stderr, telling }
    this.#owner.processEnded(this, exit)
    this.#started.reject(new StickyError('HOLDFAST_WORKER_NOT_READY', howItEnded(exit)))
    this.#ended.resolve()
  }

  #update(): void {
    const from = this.#state
    this.#state = stateOf(this.#standing)
    if (this.#state !== from) this.#owner.processStateChanged(this, from)
  }
}
