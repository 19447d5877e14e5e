// A running balancer under load, and the records about it during a step.
import type { Balancer } from '../support/balancer.ts'
import { isAlive, loopback, type Reply } from '../support/clients.ts'
import { descendants } from '../support/program.ts'
import type { Excuse, Failure } from './judge.ts'
import type { Load } from './load.ts'
import { ask, Failed } from './visitors.ts'

/**
 * First address of the clients that send commands to workers; none of the load's clients has one of these addresses.
 */
const CONTROL = 100_000

/** Milliseconds until an event has arrived, on a busy machine. */
const EVENT_DELAY = 100

type Setting = Pick<Stage, 'balancer' | 'load' | 'addresses' | 'broken' | 'standby' | 'workers'>

export class Stage {
  readonly balancer: Balancer
  readonly load: Load
  readonly addresses: readonly string[]
  /** The program fails at its start while this file exists. */
  readonly broken: string
  readonly standby: number
  /** Number of workers that there should be. */
  workers: number
  /** All excuses since the start, because an idle client notices a closed connection only at its next request. */
  readonly excuses: Excuse[] = []
  #failures: Failure[] = []
  #owners = new Map<string, Set<number>>()
  #control = CONTROL

  constructor({ balancer, load, addresses, broken, standby, workers }: Setting) {
    this.balancer = balancer
    this.load = load
    this.addresses = addresses
    this.broken = broken
    this.standby = standby
    this.workers = workers
    void balancer.event<{ pid: number; state: string }>('worker:state', ({ pid, state }) => {
      if (state === 'draining' || state === 'stopping') this.#finishing(pid)
      return false
    })
  }

  /** The balancer's child processes. */
  readonly children = (): number[] => descendants(this.balancer.child.pid!).filter(isAlive)

  /** The process that serves as the worker (modulo their number) now. */
  async serving(worker: number): Promise<{ worker: number; pid: number | null }> {
    const { workers } = await this.balancer.status()
    const { id, pid } = workers[worker % workers.length]!
    return { worker: id, pid }
  }

  /** Sends a signal if the process still belongs to the balancer. @returns whether it does */
  signal(pid: number | null, signal: NodeJS.Signals): pid is number {
    if (pid === null || !this.children().includes(pid)) return false
    process.kill(pid, signal)
    return true
  }

  killAll(): void {
    for (const pid of this.children()) process.kill(pid, 'SIGKILL')
    this.balancer.child.kill('SIGKILL')
  }

  /** Records that the process takes no connection from now on and is about to end. */
  isVictim(pid: number, worker: number): void {
    this.excuses.push({ why: 'killed', pid, worker, deafSince: performance.now() })
  }

  /** Sends a request to the worker. @returns undefined if it failed, which counts like the failure of any client */
  async ask(worker: number, path: string): Promise<Reply | undefined> {
    const from = await this.#clientOf(worker)
    try {
      return await ask({ port: this.balancer.port, from, path })
    } catch (error) {
      if (!(error instanceof Failed)) throw error
      this.#failures.push(error.failure)
      return undefined
    }
  }

  /** Records the owners of the slots of the load's clients, from explain() and from the answers. */
  async noteOwners(): Promise<Map<string, number>> {
    const explained = new Map<string, number>()
    for (const from of this.addresses) {
      const { worker } = await this.balancer.explain(from)
      explained.set(from, worker)
      this.#note(from, worker)
      const landed = this.load.landed.get(from)
      if (landed !== undefined) this.#note(from, landed)
    }
    return explained
  }

  owners(from: string): ReadonlySet<number> {
    return this.#owners.get(from) ?? new Set()
  }

  /** All failures of this step. */
  failures(): Failure[] {
    return [...this.load.failures(), ...this.#failures.splice(0)]
  }

  /** Forgets the records of the previous step. */
  next(): void {
    this.#owners = new Map()
  }

  #finishing(pid: number): void {
    this.excuses.push({ why: 'finishing', pid, since: performance.now() - EVENT_DELAY })
  }

  #note(from: string, worker: number): void {
    const owners = this.#owners.get(from)
    if (owners === undefined) this.#owners.set(from, new Set([worker]))
    else owners.add(worker)
  }

  async #clientOf(worker: number): Promise<string> {
    for (;;) {
      const from = loopback(this.#control++)
      const explained = await this.balancer.explain(from)
      if (explained.worker !== worker % this.workers) continue
      this.#note(from, explained.worker)
      return from
    }
  }
}
