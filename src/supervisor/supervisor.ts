// Keeps n workers alive. A worker is an id; the processes that serve as it come and go.
import { performance } from 'node:perf_hooks'
import type { Logger } from '../options.ts'
import type { Settings } from '../settings.ts'
import { restartDelay, type Exit } from './backoff.ts'
import { tripped } from './breaker.ts'
import { tellingLine } from './stderr.ts'
import { WorkerProcess, type Program, type WorkerExit } from './worker-process.ts'

export interface SupervisorEvents {
  /** A process serves as this worker from now on. */
  ready(worker: WorkerProcess): void
  /** The process takes no more connections but lives. */
  leaving(worker: WorkerProcess): void
  gone(worker: WorkerProcess, exit: WorkerExit): void
  /** Too many crashes: no worker is started for `restart.retryDelay`. `alone`: and none is left that serves. */
  tripped(reason: string, last: WorkerExit | undefined, alone: boolean): void
  message(worker: WorkerProcess, message: unknown): void
}

/** One worker id and its history. */
interface Member {
  readonly id: number
  current: WorkerProcess | undefined
  restarts: number
  history: Exit[]
  lastExit: WorkerExit | undefined
  timer: NodeJS.Timeout | undefined
}

/** Exits to remember: as many as the back-off can tell apart, and as a minute can bring. */
const HISTORY = 32
const HISTORY_OF_ALL = 1_000

export class Supervisor {
  readonly #settings: Settings
  readonly #log: Logger
  readonly #program: (id: number, restarts: number) => Program
  readonly #events: SupervisorEvents
  readonly #members: Member[] = []
  /** Everything that lives, also processes that no longer are anybody's current one. */
  readonly #processes = new Set<WorkerProcess>()
  /** Crashes of all workers. */
  #crashes: Exit[] = []
  /** What was last shown of a worker that could not start. */
  #shown: Buffer | undefined
  #stopping = false
  #forced = false
  #empty: (() => void) | undefined

  constructor(settings: Settings, program: (id: number, restarts: number) => Program, events: SupervisorEvents) {
    this.#settings = settings
    this.#log = settings.logger
    this.#program = program
    this.#events = events
  }

  get members(): readonly Readonly<Member>[] {
    return this.#members
  }

  get processes(): ReadonlySet<WorkerProcess> {
    return this.#processes
  }

  start(workers: number): void {
    for (let id = 0; id < workers; id++) {
      const member = { id, current: undefined, restarts: 0, history: [], lastExit: undefined, timer: undefined }
      this.#members.push(member)
      this.#fork(member)
    }
  }

  /** Lets every worker finish within `deadline` milliseconds. @returns whether all ended by themselves */
  async stop(deadline: number): Promise<boolean> {
    this.#stopping = true
    for (const member of this.#members) clearTimeout(member.timer)
    for (const worker of this.#processes) worker.drain(deadline)
    if (this.#processes.size > 0) await new Promise<void>((done) => (this.#empty = done))
    return !this.#forced
  }

  /** Ends everything now. */
  kill(): void {
    this.#stopping = true
    this.#forced = true
    for (const worker of this.#processes) worker.kill('SIGKILL')
  }

  #fork(member: Member): void {
    try {
      this.#start(member)
    } catch (error) {
      // Out of processes, memory or descriptors: the same as a crash, tried again with growing delays.
      this.#log.error('worker.fork-failed', { worker: member.id, error })
      this.#replace(member, 0)
    }
  }

  #start(member: Member): void {
    const worker = new WorkerProcess(member.id, this.#program(member.id, member.restarts), {
      ready: () => this.#ready(worker, timer),
      leaving: (_, reason) => this.#leaving(member, worker, reason),
      gone: (_, exit) => {
        clearTimeout(timer)
        this.#gone(member, worker, exit)
      },
      message: (_, message) => this.#events.message(worker, message),
    })
    const { readyTimeout } = this.#settings.health
    const timer = setTimeout(() => {
      this.#log.error('worker.not-ready', { worker: member.id, pid: worker.pid, after: readyTimeout })
      worker.kill('SIGKILL')
    }, readyTimeout)
    member.current = worker
    this.#processes.add(worker)
    this.#log.debug('worker.start', { worker: member.id, pid: worker.pid })
  }

  #ready(worker: WorkerProcess, timer: NodeJS.Timeout): void {
    clearTimeout(timer)
    const after = Math.round(performance.now() - worker.startedAt)
    this.#log.info('worker.ready', { worker: worker.id, pid: worker.pid, after })
    this.#events.ready(worker)
  }

  /** It finishes what it serves; somebody else serves as its id meanwhile. */
  #leaving(member: Member, worker: WorkerProcess, reason: string): void {
    this.#log.info('worker.leave', { worker: worker.id, pid: worker.pid, reason })
    this.#events.leaving(worker)
    worker.drain(this.#settings.shutdown.deadline)
    if (member.current === worker) this.#replace(member, worker.served())
  }

  #gone(member: Member, worker: WorkerProcess, exit: WorkerExit): void {
    this.#processes.delete(worker)
    this.#show(worker)
    member.lastExit = exit
    const { code, signal, failure } = exit
    const level = this.#stopping || worker.expected ? 'info' : 'warn'
    const uptime = Math.round(exit.uptime)
    this.#log[level]('worker.exit', { worker: worker.id, pid: worker.pid, code, signal, uptime, failure })
    if (signal === 'SIGKILL' && worker.expected) this.#forced = true
    this.#events.gone(worker, exit)
    if (member.current === worker) this.#replace(member, exit.served, worker.expected ? undefined : exit)
    if (this.#processes.size === 0) this.#empty?.()
  }

  #replace(member: Member, served: number, exit?: WorkerExit): void {
    member.current = undefined
    if (this.#stopping) return
    const now = performance.now()
    member.history = [...member.history, { at: now, served }].slice(-HISTORY)
    if (exit !== undefined) this.#crashes = [...this.#crashes, { at: now, served }].slice(-HISTORY_OF_ALL)
    const { restart } = this.#settings
    const reason = tripped(member.history, this.#crashes, now, restart)
    const delay = reason === undefined ? restartDelay(member.history, restart, Math.random()) : restart.retryDelay
    if (reason !== undefined) this.#tripped(member, reason, delay)
    if (this.#stopping) return
    this.#log.debug('worker.restart', { worker: member.id, delay })
    member.restarts++
    member.timer = setTimeout(() => this.#fork(member), delay)
  }

  #tripped(member: Member, reason: string, retryIn: number): void {
    const { code, signal, stderr } = member.lastExit ?? {}
    const alone = !this.#members.some(({ current }) => current?.state === 'ready')
    this.#log.error('restart.stopped', {
      worker: member.id,
      reason,
      code,
      signal,
      stderr: tellingLine(stderr ?? []),
      retryIn,
    })
    this.#events.tripped(reason, member.lastExit, alone)
  }

  /** A program that can not start says why once, not once per worker and attempt. */
  #show({ stderr }: WorkerProcess): void {
    const held = stderr?.held
    if (held === undefined || held.length === 0) return
    if (this.#shown?.equals(held) === true) stderr?.discard()
    else this.#shown = held
    stderr?.release()
  }
}
