// One child: fork, ready, drain, SIGTERM then SIGKILL, exit.
import { fork, type ChildProcess, type ForkOptions } from 'node:child_process'
import { StderrRelay } from './stderr.ts'
import { openForPrimary, PROTOCOL_VERSION, type ToWorker } from '../protocol.ts'

/**
 * starting: forked, the application is not attached yet. ready: serves. draining: finishes what it serves and gets no
 * more. gone: the process has ended.
 */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'gone'

/** How a process ended. */
export interface WorkerExit {
  code: number | null
  signal: NodeJS.Signals | null
  /** Milliseconds from fork to exit, and in service. */
  uptime: number
  served: number
  /** What the application failed with before it was ready, if it told. */
  failure: string | undefined
  /** The last lines it wrote to stderr, oldest first. */
  stderr: readonly string[]
}

export interface WorkerProcessEvents {
  ready(worker: WorkerProcess): void
  /** The worker wants no more connections: its server was closed, or somebody sent it SIGTERM. */
  leaving(worker: WorkerProcess, reason: string): void
  gone(worker: WorkerProcess, exit: WorkerExit): void
  /** A message that is not Holdfast's. */
  message(worker: WorkerProcess, message: unknown): void
}

/** What to run. */
export interface Program {
  exec: string
  args: readonly string[]
  execArgv: readonly string[]
  env: NodeJS.ProcessEnv
  /** Of the IPC channel. */
  serialization: 'json' | 'advanced'
  /** Descriptors the child gets after its IPC channel, as its numbers 4, 5, ... */
  inherit: readonly number[]
  /** Called as soon as the child has them; undefined when it could not be started. */
  forked(child: ChildProcess | undefined): void
}

/** Milliseconds after 'exit' in which 'close' must come, should a grandchild keep the channel open. */
const CLOSE_TIMEOUT = 1_000

export class WorkerProcess {
  readonly id: number
  readonly child: ChildProcess
  readonly startedAt = performance.now()
  state: WorkerState = 'starting'
  readonly stderr: StderrRelay | undefined
  #readyAt: number | undefined
  #failure: string | undefined
  #killTimer: NodeJS.Timeout | undefined
  #expected = false

  constructor(id: number, program: Program, events: WorkerProcessEvents) {
    this.id = id
    const options: ForkOptions = {
      execArgv: [...program.execArgv],
      env: program.env,
      serialization: program.serialization,
      stdio: ['ignore', 'inherit', 'pipe', 'ipc', ...program.inherit],
    }
    let child: ChildProcess | undefined
    try {
      child = fork(program.exec, [...program.args], options)
    } finally {
      program.forked(child)
    }
    this.child = child
    if (child.stderr !== null) this.stderr = new StderrRelay(child.stderr, (chunk) => process.stderr.write(chunk))
    this.child.on('message', (raw: unknown) => this.#receive(raw, events))
    // Not at 'exit': acknowledgements that the worker sent before it died may still be unread then, and a connection
    // that it had taken must not be given to another. 'close' comes after the end of the channel.
    this.child.once('close', (code, signal) => this.#ended(code, signal, events))
    this.child.once('exit', (code, signal) => {
      setTimeout(() => this.#ended(code, signal, events), CLOSE_TIMEOUT).unref()
    })
    // Without 'exit': the process could not be started at all (out of processes or memory).
    this.child.on('error', (error) => {
      this.#failure ??= error.message
      if (this.child.pid === undefined) this.#ended(null, null, events)
    })
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  /** Whether the supervisor asked for the end. */
  get expected(): boolean {
    return this.#expected
  }

  /** Milliseconds in service so far. */
  served(now = performance.now()): number {
    return this.#readyAt === undefined ? 0 : now - this.#readyAt
  }

  send(message: ToWorker): void {
    if (this.child.connected) this.child.send({ holdfast: message }, () => {})
  }

  /** Passes on somebody else's message, such as Socket.IO's. */
  relay(message: unknown): void {
    if (this.child.connected) this.child.send(message as object, () => {})
  }

  /** Asks the worker to finish within `deadline` milliseconds, and ends it when it has not by then. */
  drain(deadline: number): void {
    if (this.state === 'gone') return
    this.#expected = true
    if (this.state === 'starting') {
      // Its application may not listen to us yet.
      this.kill('SIGTERM')
    } else {
      this.state = 'draining'
      this.send({ type: 'drain', deadline })
    }
    // A little longer than the worker gives itself, so that its own last words come through.
    this.#killTimer ??= setTimeout(() => this.kill('SIGKILL'), deadline + 500)
  }

  kill(signal: NodeJS.Signals): void {
    if (this.state !== 'gone') this.child.kill(signal)
  }

  #receive(raw: unknown, events: WorkerProcessEvents): void {
    const message = openForPrimary(raw)
    if (message === undefined) return events.message(this, raw)
    if (message.type === 'failed') this.#failure = message.message
    if (message.type === 'leave' && (this.state === 'ready' || this.state === 'starting')) {
      this.state = 'draining'
      events.leaving(this, message.reason)
    }
    if (message.type !== 'ready' || this.state !== 'starting') return
    if (message.version !== PROTOCOL_VERSION) {
      this.#failure = `it speaks protocol ${message.version}, this primary ${PROTOCOL_VERSION}: restart the primary too`
      return this.kill('SIGKILL')
    }
    this.state = 'ready'
    this.#readyAt = performance.now()
    this.stderr?.release()
    events.ready(this)
  }

  #ended(code: number | null, signal: NodeJS.Signals | null, events: WorkerProcessEvents): void {
    if (this.state === 'gone') return
    this.state = 'gone'
    clearTimeout(this.#killTimer)
    const now = performance.now()
    const exit = {
      code,
      signal,
      uptime: now - this.startedAt,
      served: this.served(now),
      failure: this.#failure,
      stderr: this.stderr?.tail ?? [],
    }
    events.gone(this, exit)
  }
}
