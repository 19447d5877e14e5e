// One child: fork, ready, beats, drain, SIGTERM then SIGKILL, exit.
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { StickyError } from '../errors.ts'
import { postToWorker } from '../transport/post.ts'
import { start, type Program } from './program.ts'
import { StderrRelay } from './stderr.ts'
import { howItEnded, type WorkerExit } from './worker-exit.ts'
import {
  isOurs,
  openForPrimary,
  PROTOCOL_VERSION,
  type Beat,
  type Drain,
  type ToPrimary,
  type ToWorker,
} from '../protocol.ts'

/**
 * starting: forked, the application is not attached yet. ready: healthy and enabled, gets new clients. draining: serves
 * what it has and gets no new clients, because it is not healthy (it may come back) or not enabled (it finishes).
 * stopping: it was told to end now. gone: the process has ended.
 */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'stopping' | 'gone'

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

/** Milliseconds after 'exit' in which 'close' must come, should a grandchild keep the channel open. */
const CLOSE_TIMEOUT = 1_000

/** Milliseconds on top of a worker's own deadline, so that its last words come through. */
const LAST_WORDS = 500

/** Bytes of broadcasts that may wait in the channel to one worker. */
const MAX_RELAYING = 32 * 1024 * 1024

export class WorkerProcess {
  readonly child: ChildProcess
  readonly startedAt = performance.now()
  /** Which loading of the program this is: every reload starts a new one. */
  readonly generation: number
  readonly stderr: StderrRelay | undefined
  /** Resolves when the application is attached; rejects with HOLDFAST_WORKER_NOT_READY when the process ended before. */
  readonly started: Promise<void>
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  readonly #events: WorkerProcessEvents
  #id: number
  #attached = false
  #healthy = true
  #enabled = true
  #stopping = false
  #gone = false
  #state: WorkerState = 'starting'
  #readyAt: number | undefined
  #lastSign = performance.now()
  #givenUpAt = -Infinity
  #beat: Beat | undefined
  #relaying = 0
  #dropped = 0
  #failure: string | undefined
  #killTimer: NodeJS.Timeout | undefined
  #expected = false
  #settle = { ready(): void {}, failed(_: StickyError): void {}, ended(): void {} }

  /** @param id - of the worker; negative for a spare */
  constructor(id: number, generation: number, program: Program, events: WorkerProcessEvents) {
    this.#id = id
    this.generation = generation
    this.#events = events
    this.started = new Promise((ready, failed) => Object.assign(this.#settle, { ready, failed }))
    this.started.catch(() => {}) // whether or not somebody waits for it
    this.ended = new Promise((ended) => Object.assign(this.#settle, { ended }))
    const child = start(program)
    this.child = child
    // Where this process was out of descriptors there is none, whatever the types say, and 'error' comes in the next turn.
    const stderr = child.stderr as Readable | null | undefined
    if (stderr) this.stderr = new StderrRelay(stderr, (chunk) => process.stderr.write(chunk))
    this.child.on('message', (raw: unknown) => this.#receive(raw))
    // Not at 'exit': acknowledgements that the worker sent before it died may still be unread then, and a connection
    // that it had taken must not be given to another. 'close' comes after the end of the channel.
    this.child.once('close', (code, signal) => this.#ended(code, signal))
    this.child.once('exit', (code, signal) => {
      setTimeout(() => this.#ended(code, signal), CLOSE_TIMEOUT).unref()
    })
    // Without 'exit': the process could not be started at all (out of processes or memory).
    this.child.on('error', (error) => {
      this.#failure ??= error.message
      if (this.child.pid === undefined) this.#ended(null, null)
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
    return this.#attached && !this.#gone
  }

  get healthy(): boolean {
    return this.#healthy
  }

  /** The supervisor's verdict from its beats. */
  set healthy(healthy: boolean) {
    this.#healthy = healthy
    this.#update()
  }

  /** Whether it is meant to get new clients; false for good once it drains. */
  get enabled(): boolean {
    return this.#enabled
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
  get beat(): Readonly<Beat> | undefined {
    return this.#beat
  }

  /** Milliseconds in service so far. */
  served(now = performance.now()): number {
    return this.#readyAt === undefined ? 0 : now - this.#readyAt
  }

  /** A spare becomes this worker. */
  become(id: number, workers: number): void {
    this.#id = id
    this.#readyAt = performance.now()
    this.send({ type: 'become', id, workers })
  }

  send(message: ToWorker): void {
    postToWorker(this.child, message)
  }

  /** Broadcasts that it did not get, because too many waited for it. */
  get dropped(): number {
    return this.#dropped
  }

  /** Passes on somebody else's message, such as Socket.IO's; a worker that hangs must not fill the memory. */
  relay(message: unknown, bytes: number): void {
    if (!this.child.connected) return
    if (this.#relaying + bytes > MAX_RELAYING) return void this.#dropped++
    this.#relaying += bytes
    this.child.send(message as object, () => (this.#relaying -= bytes))
  }

  /** Asks the worker to finish, and ends it when it has not by the deadline. */
  drain(how: Drain): void {
    if (this.#gone) return
    this.#expected = true
    this.#enabled = false
    if (this.#attached) {
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
    if (this.#gone) return
    this.#failure ??= failure
    this.#stopping = true
    this.#update()
    this.child.kill(signal)
  }

  #receive(raw: unknown): void {
    this.#lastSign = performance.now()
    const message = openForPrimary(raw)
    if (message !== undefined) this.#take(message)
    else if (isOurs(raw)) this.#events.unknown(this)
    else this.#events.message(this, raw)
  }

  #take(message: ToPrimary): void {
    if (message.type === 'beat') this.#beat = message
    if (message.type === 'failed') this.#failure = message.message
    if (message.type === 'leave' && this.#enabled) {
      this.#enabled = false
      this.#update()
      this.#events.leaving(this, message.reason)
    }
    if (message.type === 'ready' && !this.#attached) this.#ready(message.version)
  }

  #ready(version: number): void {
    if (version !== PROTOCOL_VERSION) {
      this.#failure = `it speaks protocol ${version}, this primary ${PROTOCOL_VERSION}: restart the primary too`
      return this.stop('SIGKILL')
    }
    this.#attached = true
    this.#readyAt = performance.now()
    this.stderr?.release()
    this.#update()
    this.#events.ready(this)
    this.#settle.ready()
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#gone) return
    this.#gone = true
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
    this.#state = this.#derive()
    if (this.#state !== from) this.#events.state(this, from)
  }

  #derive(): WorkerState {
    if (this.#gone) return 'gone'
    if (this.#stopping) return 'stopping'
    if (!this.#attached) return this.#enabled ? 'starting' : 'stopping'
    return this.#healthy && this.#enabled ? 'ready' : 'draining'
  }
}
