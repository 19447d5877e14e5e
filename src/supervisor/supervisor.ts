// Keeps n workers alive. A worker is an id; the processes that serve as it come and go.
import { performance } from 'node:perf_hooks'
import type { Logger } from '../options.ts'
import { SERVICE_RESTART, type Drain } from '../protocol.ts'
import type { Settings } from '../settings.ts'
import { rolling } from './reload.ts'
import { Restarts } from './restarts.ts'
import { StartOutput, tellingLine } from './stderr.ts'
import { treatment } from './treatment.ts'
import { Watch } from './watch.ts'
import { WorkerProcess, type Program, type WorkerExit, type WorkerState } from './worker-process.ts'

export interface SupervisorEvents {
  /** The process serves as its worker from now on. */
  ready(worker: WorkerProcess): void
  state(worker: WorkerProcess, from: WorkerState): void
  /** The process that serves as this worker is not well, or well again. */
  well(worker: WorkerProcess, well: boolean): void
  /** The process takes no more connections but lives. */
  leaving(worker: WorkerProcess): void
  gone(worker: WorkerProcess, exit: WorkerExit): void
  /** Too many crashes: no worker is started for `restart.retryDelay`. `alone`: and none is left that serves. */
  tripped(reason: string, last: WorkerExit | undefined, alone: boolean): void
  message(worker: WorkerProcess, message: unknown): void
  /** Milliseconds that the process has owed an answer to steering. */
  silence(worker: WorkerProcess, now: number): number
}

/** One worker id. A spare has one too, below zero. */
interface Member {
  readonly id: number
  current: WorkerProcess | undefined
  /** Takes over as soon as it is ready. */
  next: WorkerProcess | undefined
  restarts: number
  lastExit: WorkerExit | undefined
  timer: NodeJS.Timeout | undefined
}

export class Supervisor {
  readonly #settings: Settings
  readonly #log: Logger
  readonly #program: (id: number, restarts: number) => Program
  readonly #events: SupervisorEvents
  readonly #restarts: Restarts
  readonly #watch: Watch
  readonly #members: Member[] = []
  readonly #spares: Member[] = []
  /** Everything that lives, also processes that no longer are anybody's current one. */
  readonly #processes = new Set<WorkerProcess>()
  readonly #output = new StartOutput()
  #generation = 0
  #stopping = false
  #forced = false

  constructor(settings: Settings, program: (id: number, restarts: number) => Program, events: SupervisorEvents) {
    this.#settings = settings
    this.#log = settings.logger
    this.#program = program
    this.#events = events
    this.#restarts = new Restarts(settings.restart)
    const treat = treatment(settings, {
      well: (worker) => this.#events.well(worker, worker.healthy),
      replace: (worker) => this.#replace(worker),
      succeed: (worker) => this.#succeedEarly(worker),
    })
    this.#watch = new Watch(
      { ...settings.health, ...settings.restart },
      {
        processes: () => [...this.#members, ...this.#spares].flatMap(({ current }) => current ?? []),
        silence: (worker, now) => (worker.id < 0 ? 0 : events.silence(worker, now)),
        found: treat,
      },
    )
  }

  get members(): readonly Readonly<Member>[] {
    return this.#members
  }

  get processes(): ReadonlySet<WorkerProcess> {
    return this.#processes
  }

  /** Spares that could take over now. */
  get standby(): number {
    return this.#spares.filter(({ current }) => current?.state === 'ready').length
  }

  /** Whether a process serves as this worker. */
  serves(id: number): boolean {
    return this.#members[id]?.current?.state === 'ready'
  }

  start(workers: number): void {
    while (this.#members.length < workers) this.#add(this.#members, this.#members.length)
    while (this.#spares.length < this.#settings.standby) this.#add(this.#spares, -1 - this.#spares.length)
    this.#watch.start()
  }

  /** Replaces all processes by new ones of the same program. @throws StickyError HOLDFAST_RELOAD_FAILED */
  async reload(): Promise<void> {
    const ids = this.#members.map(({ id }) => id)
    const generation = ++this.#generation
    let done = 0
    await rolling(ids, this.#settings.reload.parallel, async (id) => {
      const member = this.#members[id]
      if (member === undefined || this.#stopping) return
      // One that was started before has the old program.
      if (member.next !== undefined && member.next.generation < generation) await member.next.started
      await this.#renew(member)
      this.#log.info('reload.worker', { worker: id, done: ++done, of: ids.length })
    })
    for (const { current } of this.#spares) current?.drain(this.#farewell())
  }

  /** Resolves when so many workers serve and the others have ended. @throws StickyError HOLDFAST_WORKER_NOT_READY */
  async scale(workers: number): Promise<void> {
    const removed = this.#members.splice(workers)
    const added: Member[] = []
    while (this.#members.length < workers) added.push(this.#add(this.#members, this.#members.length))
    for (const worker of this.#processes) worker.send({ type: 'workers', workers })
    await Promise.all([...added.map(({ current }) => current?.started), ...removed.map((one) => this.#dismiss(one))])
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
    for (const { timer } of [...this.#members, ...this.#spares]) clearTimeout(timer)
  }

  #add(members: Member[], id: number): Member {
    const none = undefined
    const member: Member = { id, current: none, next: none, restarts: 0, lastExit: none, timer: none }
    members.push(member)
    this.#fork(member)
    return member
  }

  /** Starts the process that the member lacks. */
  #fork(member: Member): void {
    try {
      member.current = this.#start(member)
    } catch (error) {
      // Out of processes, memory or descriptors: the same as a crash, tried again with growing delays.
      this.#log.error('worker.fork-failed', { worker: member.id, error })
      this.#restart(member, 0)
    }
  }

  #start({ id, restarts }: Member): WorkerProcess {
    const worker = new WorkerProcess(id, this.#generation, this.#program(id, restarts), {
      ready: () => {
        clearTimeout(timer)
        this.#ready(worker)
      },
      state: (_, from) => this.#events.state(worker, from),
      leaving: (_, reason) => this.#leaving(worker, reason),
      gone: (_, exit) => {
        clearTimeout(timer)
        this.#gone(worker, exit)
      },
      message: (_, message) => this.#events.message(worker, message),
      unknown: () => this.#log.warn('worker.unknown-message', { worker: worker.id, pid: worker.pid }),
    })
    const { readyTimeout } = this.#settings.health
    const timer = setTimeout(() => {
      this.#log.error('worker.not-ready', { worker: worker.id, pid: worker.pid, after: readyTimeout })
      worker.stop('SIGKILL')
    }, readyTimeout)
    this.#processes.add(worker)
    this.#log.debug('worker.start', { worker: id, pid: worker.pid })
    return worker
  }

  #memberOf({ id }: WorkerProcess): Member | undefined {
    return id < 0 ? this.#spares[-1 - id] : this.#members[id]
  }

  #ready(worker: WorkerProcess): void {
    const after = Math.round(performance.now() - worker.startedAt)
    const standby = worker.id < 0 || undefined
    this.#log.info('worker.ready', { worker: worker.id, pid: worker.pid, after, standby })
    const member = this.#memberOf(worker)
    if (member?.next === worker) this.#succeed(member, worker)
    else if (member?.current === worker && worker.id >= 0) this.#events.ready(worker)
    const missing = this.#members.find(({ current, next }) => current === undefined && next === undefined)
    if (worker.id < 0 && missing !== undefined) this.#standIn(missing)
  }

  /** From one process to the next without a moment in which nobody serves. */
  #succeed(member: Member, successor: WorkerProcess): void {
    const old = member.current
    if (member.next === successor) member.next = undefined
    member.current = successor
    member.restarts++
    if (member.id >= 0) this.#events.ready(successor)
    if (old === undefined) return
    this.#events.leaving(old)
    if (old.state !== 'stopping') old.drain(this.#farewell())
  }

  /** It finishes what it serves; somebody else serves as its id meanwhile. */
  #leaving(worker: WorkerProcess, reason: string): void {
    this.#log.info('worker.leave', { worker: worker.id, pid: worker.pid, reason })
    this.#events.leaving(worker)
    worker.drain({ ...this.#farewell(), deadline: this.#settings.shutdown.deadline })
    const member = this.#memberOf(worker)
    if (member?.current === worker) this.#vacant(member, worker.served())
  }

  #gone(worker: WorkerProcess, exit: WorkerExit): void {
    this.#processes.delete(worker)
    this.#output.show(worker.stderr)
    const { code, signal, failure } = exit
    const level = this.#stopping || worker.expected ? 'info' : 'warn'
    const uptime = Math.round(exit.uptime)
    this.#log[level]('worker.exit', { worker: worker.id, pid: worker.pid, code, signal, uptime, failure })
    if (signal === 'SIGKILL' && worker.expected) this.#forced = true
    this.#events.gone(worker, exit)
    const member = this.#memberOf(worker)
    if (member !== undefined) this.#lost(member, worker, exit)
  }

  #lost(member: Member, worker: WorkerProcess, exit: WorkerExit): void {
    member.lastExit = exit
    const crash = worker.expected ? undefined : exit
    if (member.current === worker) this.#vacant(member, exit.served, crash)
    if (member.next !== worker) return
    member.next = undefined
    if (member.current === undefined) this.#restart(member, 0, crash)
    else this.#remember(member, 0, crash)
  }

  /** Nobody serves as this worker any more. */
  #vacant(member: Member, served: number, crash?: WorkerExit): void {
    member.current = undefined
    if (member.next !== undefined || this.#standIn(member)) this.#remember(member, served, crash)
    else this.#restart(member, served, crash)
  }

  /** A spare takes over. @returns whether there was one */
  #standIn(member: Member): boolean {
    const spare = this.#spares.find(({ current }) => current?.state === 'ready')
    const worker = spare?.current
    if (member.id < 0 || this.#stopping || spare === undefined || worker === undefined) return false
    clearTimeout(member.timer)
    spare.current = undefined
    worker.become(member.id, this.#members.length)
    this.#log.info('worker.standby', { worker: member.id, pid: worker.pid })
    this.#succeed(member, worker)
    // After the breaker has heard of the crash, and in a turn of its own: first of all the slots.
    setImmediate(() => this.#schedule(spare))
    return true
  }

  #remember(member: Member, served: number, crash: WorkerExit | undefined): void {
    this.#restarts.remember(member.id, { at: performance.now(), served }, crash !== undefined)
  }

  #restart(member: Member, served: number, crash?: WorkerExit): void {
    this.#remember(member, served, crash)
    member.restarts++
    this.#schedule(member)
  }

  #schedule(member: Member): void {
    if (this.#stopping) return
    const { delay, stopped } = this.#restarts.next(member.id, performance.now(), Math.random())
    if (stopped !== undefined) this.#tripped(member, stopped, delay)
    if (this.#stopping) return
    this.#log.debug('worker.restart', { worker: member.id, delay })
    clearTimeout(member.timer)
    member.timer = setTimeout(() => this.#fork(member), delay)
  }

  #tripped(member: Member, reason: string, retryIn: number): void {
    const { code, signal, stderr } = member.lastExit ?? {}
    const alone = !this.#members.some(({ id }) => this.serves(id))
    const last = tellingLine(stderr ?? [])
    this.#log.error('restart.stopped', { worker: member.id, reason, code, signal, stderr: last, retryIn })
    this.#events.tripped(reason, member.lastExit, alone)
  }

  /** Resolves when a new process serves as the worker and the old one has ended. */
  async #renew(member: Member): Promise<void> {
    const old = member.current
    clearTimeout(member.timer)
    member.next ??= this.#start(member)
    await member.next.started
    await old?.ended
  }

  async #replace(worker: WorkerProcess): Promise<void> {
    const member = this.#memberOf(worker)
    if (member?.current === worker) await this.#renew(member)
  }

  /** Its successor starts while it is still being given up. */
  #succeedEarly(worker: WorkerProcess): void {
    const member = this.#memberOf(worker)
    if (member === undefined || member.next !== undefined || this.#standIn(member)) return
    this.#renew(member).catch((error: unknown) => this.#log.error('worker.renew-failed', { worker: member.id, error }))
  }

  async #dismiss({ id, current, next, timer }: Member): Promise<void> {
    clearTimeout(timer)
    this.#restarts.forget(id)
    next?.drain(this.#farewell())
    if (current === undefined) return
    this.#events.leaving(current)
    current.drain(this.#farewell())
    await current.ended
  }

  #farewell(): Drain {
    const { deadline, grace, spread } = this.#settings.reload
    return { deadline, grace, spread, code: SERVICE_RESTART }
  }
}
