// What stickyListen returns, as types: one union over the two roles.
import type { EventEmitter } from 'node:events'
import type { BusBrokerStatus } from './bus/primary/broker.ts'
import type { BridgeStatus } from './socket-io/primary/bridge.ts'
import type { StickyError } from './errors.ts'
import type { Address, Heartbeat, Drain } from './ipc/messages.ts'
import type { RequestStatus } from './ipc/request-counts.ts'
import type { SteeringCounters, SteeringName } from './steering/steering.ts'
import type { WorkerState } from './supervisor/worker-state.ts'

export type { BusBrokerStatus } from './bus/primary/broker.ts'
export type { Address, Heartbeat, Heartbeat as Beat, Drain } from './ipc/messages.ts'
export type { BridgeStatus } from './socket-io/primary/bridge.ts'
export type { CloseReason, SteeringCounters } from './steering/steering.ts'
export type { WorkerState } from './supervisor/worker-state.ts'

/** What both roles have. */
interface StickyCommon extends AsyncDisposable {
  /** The public address; null before it is bound. */
  address(): Address | null
}

export interface CloseOptions {
  /** Milliseconds for what is being served. @default shutdown.deadline */
  deadline?: number
}

/** Events of the primary. */
export interface PrimaryEvents {
  /** The port is bound: who connects from now on is served as soon as a worker is ready. */
  listening: [address: Address]
  'worker:ready': [worker: { id: number; pid: number }]
  /** state: see {@link WorkerState}; ready is healthy and enabled. */
  'worker:state': [worker: { id: number; pid: number; from: WorkerState; state: WorkerState }]
  'worker:exit': [worker: { id: number; pid: number; code: number | null; signal: NodeJS.Signals | null }]
  /** Slots have other owners now; established connections stay where they are. */
  'slots:moved': [change: { moved: number; workers: readonly number[]; reason: string }]
  error: [error: StickyError]
}

/** Events of a worker. */
export interface WorkerRoleEvents {
  /**
   * No new connections come; what is served has `deadline` milliseconds. Say goodbye on long-lived connections now:
   * after `grace` milliseconds WebSockets are closed with `code`, spread over `spread` milliseconds.
   */
  drain: [Drain]
  /** This process was a standby and is a worker now: `sticky.id` says which. */
  become: [{ id: number; workers: number }]
  /** The last connection has ended, the process ends next: close databases and the like within a second. */
  leave: []
}

/** Where a client goes, and why. */
export interface Explanation {
  address: string
  /** The affinity key before the seed: 4, 8 or 16 bytes. */
  key: Buffer
  /** farmhash.fingerprint32 of key XOR seed, uint32. */
  hash: number
  /** hash % 256 */
  slot: number
  /** Id of the slot's owner. */
  worker: number
  steering: SteeringName
  /** The same in words. */
  reason: string
}

/** One worker in a status. */
export interface WorkerStatus {
  id: number
  /** null while no process serves as this worker. */
  pid: number | null
  state: WorkerState
  /** Whether its beats come in time and its event loop is not held up; see the health options. */
  healthy: boolean
  /** Whether it is meant to get new clients. */
  enabled: boolean
  /** Counts reloads: which loading of the program it is. */
  generation: number
  /** Milliseconds since the process started. */
  uptime: number
  /** Processes that served as this worker before. */
  restarts: number
  /** Slots owned, of 256. */
  slots: number
  /** Connections waiting for it or not yet acknowledged by it. */
  pending: number
  /** Socket.IO's broadcasts that the process did not get, because too many waited for it. */
  dropped: number
  /** What the process last told of itself; null before its first beat. */
  beat: Omit<Heartbeat, 'requests'> | null
  /** What all processes that served as this worker have answered, as of their last beats; with `admin` only. */
  requests?: RequestStatus
  /** How the process before it ended; the last lines of its stderr, oldest first. */
  lastExit: {
    code: number | null
    signal: NodeJS.Signals | null
    failure: string | undefined
    stderr: readonly string[]
  } | null
}

/** A snapshot; plain data, ready for JSON. */
export interface Status {
  pid: number
  address: Address | null
  /** Where the admin interface listens; null without one. */
  admin: Address | null
  /** Milliseconds since stickyListen was called. */
  uptime: number
  steering: { name: SteeringName; reason: string; transport: string; hash: 'native' | 'portable' }
  workers: WorkerStatus[]
  /** Spare processes that could take a worker's place now. */
  standby: number
  /** How often a process has entered each state since the start. */
  entered: Record<WorkerState, number>
  /** Kernel steering: connections queued in the kernel, by slot. */
  queues?: number[]
  /** Socket.IO's bridge to other hosts, where a worker asked for one. */
  bridge?: BridgeStatus
  connections: SteeringCounters & { pending: number }
  /** What the primary carries between the workers' buses. */
  bus: BusBrokerStatus
}

/** The process that owns the port. */
export interface PrimarySticky extends StickyCommon, EventEmitter<PrimaryEvents> {
  readonly role: 'primary'
  /** Only a worker has one; named here so that code for both roles can ask. */
  readonly id?: undefined
  readonly workers?: undefined
  /** Resolves when every worker is ready; rejects with a StickyError when that can not be. */
  readonly ready: Promise<void>
  status(): Status
  /** Where this client address goes. @throws TypeError when it is not an address */
  explain(address: string): Explanation
  /**
   * Replaces every worker by a new process of the same program, `reload.parallel` at a time: the new one gets ready, takes
   * over the slots in one step, the old one finishes what it serves. A reload that is asked for meanwhile follows.
   *
   * @throws StickyError HOLDFAST_RELOAD_FAILED when a new process does not get ready: the old ones that are left keep
   *   serving
   */
  reload(): Promise<void>
  /**
   * Changes the number of workers. Only the slots that have to move do; established connections stay where they are
   * until they end or, on a worker that goes, until `reload.deadline`.
   *
   * @param workers - 1 to 256
   * @returns resolves when the new workers serve and the old ones have ended
   * @throws RangeError with code HOLDFAST_BAD_OPTION; StickyError HOLDFAST_WORKER_NOT_READY
   */
  scale(workers: number): Promise<void>
  /** Stops accepting, lets the workers finish, stops them. Resolves with false if some had to be killed. */
  close(options?: CloseOptions): Promise<boolean>
}

/** A process that serves. */
export interface WorkerSticky extends StickyCommon, EventEmitter<WorkerRoleEvents> {
  readonly role: 'worker'
  /** Resolves when the server is attached and the primary was told. */
  readonly ready: Promise<void>
  /** 0..workers-1; a replacement after a crash has the same. Negative while this process is a standby. */
  readonly id: number
  readonly workers: number
  /** Processes that served as this worker before this one. */
  readonly restarts: number
  /** Leaves the balancer, finishes what is served, ends this process; the primary starts another one. */
  close(options?: CloseOptions): Promise<void>
}

export type Sticky = PrimarySticky | WorkerSticky
