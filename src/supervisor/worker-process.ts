// One child: fork, ready, beats, drain, SIGTERM then SIGKILL, exit.
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { StickyError } from '../errors.ts'
import { BoundedRelay } from './bounded-relay.ts'
import { hearOfEnd } from './child-end.ts'
import { start, type Program } from './fork.ts'
import { StderrRelay } from './stderr-relay.ts'
import { howItEnded, type WorkerExit } from './worker-exit.ts'
import { stateOf, type Standing, type WorkerState } from './worker-state.ts'
import { WorkerChannel } from '../ipc/channel.ts'
import { protocolMismatch, type Drain, type Heartbeat, type ToWorker } from '../ipc/messages.ts'

export interface WorkerProcessEvents {
  /** The application is attached. */
  ready(worker: WorkerProcess): void
  state(worker: WorkerProcess, from: WorkerState): void
  /** The worker wants no more connections: its server was closed, or somebody sent it SIGTERM. */
  leaving(worker: WorkerProcess, reason: string): void
  gone(worker: WorkerProcess, exit: WorkerExit): void
  /** A message that is not Holdfast's. */
  message(worker: WorkerProcess, message: unknown): void
  /** One of ours that this version does not know. */
  unknown(worker: WorkerProcess): void
}

/** Milliseconds on top of a worker's own deadline, so that its last words come through. */
const LAST_WORDS = 500

export class WorkerProcess {
  readonly child: ChildProcess
  readonly channel: WorkerChannel
  readonly startedAt = performance.now()
  /** Which loading of the program this is: every reload starts a new one. */
  readonly generation: number
  readonly stderr: StderrRelay | undefined
  /** Resolves when the application is attached; rejects with HOLDFAST_WORKER_NOT_READY when the process ended before. */
  readonly started: Promise<void>
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  readonly #events: WorkerProcessEvents
  readonly #relay: BoundedRelay
  readonly #standing: Standing = { attached: false, healthy: true, enabled: true, stopping: false, gone: false }
  #id: number
  #state: WorkerState = 'starting'
  #readyAt: number | undefined
  #lastSign = performance.now()
  #givenUpAt = -Infinity
  #beat: Heartbeat | undefined
  #failure: string | undefined
  #killTimer: NodeJS.Timeout | undefined
  #expected = false
  #settle = { ready(): void {}, failed(_: StickyError): void {}, ended(): void {} }

  /** @param id - of the worker; negative for a standby */
  constructor(id: number, generation: number, program: Program, events: WorkerProcessEvents) {
    this.#id = id
    this.generation = generation
    this.#events = events
    this.started = new Promise((ready, failed) => Object.assign(this.#settle, { ready, failed }))
    this.started.catch(() => {}) // whether or not somebody waits for it
    this.ended = new Promise((ended) => Object.assign(this.#settle, { ended }))
    const child = start(program)
    this.child = child
    this.#relay = new BoundedRelay(child)
    // Where this process was out of descriptors there is none, whatever the types say, and 'error' comes in the next turn.
    const stderr = child.stderr as Readable | null | undefined
    if (stderr) this.stderr = new StderrRelay(stderr, (chunk) => process.stderr.write(chunk))
    this.channel = this.#openChannel()
    program.opened(this.channel)
    hearOfEnd(child, {
      failed: (message) => (this.#failure ??= message),
      ended: (code, signal) => this.#ended(code, signal),
    })
  }

  get id(): number {
    return this.#id
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  get state(): WorkerState {
    return this.#state
  }

  /** Whether the application is attached, so that the process can serve. */
  get attached(): boolean {
    return this.#standing.attached && !this.#standing.gone
  }

  get healthy(): boolean {
    return this.#standing.healthy
  }

  /** The supervisor's verdict from its beats. */
  set healthy(healthy: boolean) {
    this.#standing.healthy = healthy
    this.#update()
  }

  /** Whether it is meant to get new clients; false for good once it drains. */
  get enabled(): boolean {
    return this.#standing.enabled
  }

  /** Whether the supervisor asked for the end. */
  get expected(): boolean {
    return this.#expected
  }

  /** When it last gave a sign of life, on the monotonic clock. */
  get lastSign(): number {
    return this.#lastSign
  }

  /** What it last told of itself. */
  get beat(): Readonly<Heartbeat> | undefined {
    return this.#beat
  }

  /** Milliseconds in service so far. */
  served(now = performance.now()): number {
    return this.#readyAt === undefined ? 0 : now - this.#readyAt
  }

  /** A standby becomes this worker. */
  become(id: number, workers: number): void {
    this.#id = id
    this.#readyAt = performance.now()
    this.send({ type: 'promote', id, workers })
  }

  send(message: ToWorker): void {
    this.channel.send(message)
  }

  /** Broadcasts that it did not get, because too many waited for it. */
  get dropped(): number {
    return this.#relay.dropped
  }

  /** Passes on somebody else's message, such as Socket.IO's. @param bytes - about how many they are */
  relay(message: unknown, bytes: number): void {
    this.#relay.relay(message, bytes)
  }

  /** Asks the worker to finish, and ends it when it has not by the deadline. */
  drain(how: Drain): void {
    if (this.#standing.gone) return
    this.#expected = true
    this.#standing.enabled = false
    if (this.#standing.attached) {
      this.send({ type: 'drain', ...how })
      this.#update()
    } else {
      // Its application may not listen to us yet.
      this.stop('SIGTERM')
    }
    // Who was given up, and has not shown since that it lives, gets no more time.
    if (this.#lastSign < this.#givenUpAt) return
    clearTimeout(this.#killTimer)
    this.#killTimer = setTimeout(() => this.stop('SIGKILL'), how.deadline + LAST_WORDS)
  }

  /** Ends the process: by SIGTERM, and by SIGKILL when it gives no sign of life for `patience` milliseconds then. */
  terminate(patience: number): void {
    this.#givenUpAt = performance.now()
    this.stop('SIGTERM')
    clearTimeout(this.#killTimer)
    this.#killTimer = setTimeout(() => this.stop('SIGKILL'), patience)
  }

  /** @param failure - why, where the signal alone would not tell */
  stop(signal: NodeJS.Signals, failure?: string): void {
    if (this.#standing.gone) return
    this.#failure ??= failure
    this.#standing.stopping = true
    this.#update()
    this.child.kill(signal)
  }

  #openChannel(): WorkerChannel {
    const channel = new WorkerChannel(this.child, {
      onReceived: () => (this.#lastSign = performance.now()),
      onUnknown: () => this.#events.unknown(this),
      onForeign: (message) => this.#events.message(this, message),
    })
    channel.on('ready', ({ version }) => this.#ready(version))
    channel.on('start-failed', ({ message }) => (this.#failure = message))
    channel.on('heartbeat', (heartbeat) => (this.#beat = heartbeat))
    channel.on('leaving', ({ reason }) => this.#leave(reason))
    return channel
  }

  #leave(reason: string): void {
    if (!this.#standing.enabled) return
    this.#standing.enabled = false
    this.#update()
    this.#events.leaving(this, reason)
  }

  #ready(version: number): void {
    if (this.#standing.attached) return
    const mismatch = protocolMismatch(version)
    if (mismatch !== undefined) {
      this.#failure = mismatch
      return this.stop('SIGKILL')
    }
    this.#standing.attached = true
    this.#readyAt = performance.now()
    this.stderr?.release()
    this.#update()
    this.#events.ready(this)
    this.#settle.ready()
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#standing.gone = true
    clearTimeout(this.#killTimer)
    this.#update()
    const now = performance.now()
    const uptime = now - this.startedAt
    const stderr = this.stderr?.tail ?? []
    const exit = { code, signal, uptime, served: this.served(now), failure: this.#failure, stderr }
    this.#events.gone(this, exit)
    this.#settle.failed(new StickyError('HOLDFAST_WORKER_NOT_READY', howItEnded(exit)))
    this.#settle.ended()
  }

  #update(): void {
    const from = this.#state
    this.#state = stateOf(this.#standing)
    if (this.#state !== from) this.#events.state(this, from)
  }
}
