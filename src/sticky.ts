// The types of what stickyListen returns: one union over the two roles.
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

/** Members of both roles. `await using` calls `close()`. */
interface StickyCommon extends AsyncDisposable {
  /** The address and port that clients connect to; null before the port is bound. */
  address(): Address | null
}

/** Options of `close()`. */
export interface CloseOptions {
  /** Milliseconds that the workers have to finish their open connections. @default shutdown.deadline */
  deadline?: number
}

/** Events of the primary. */
export interface PrimaryEvents {
  /** The port is bound. Connections from now on are served as soon as a worker is ready. */
  listening: [address: Address]
  /** A process is ready and serves as worker `id`. */
  'worker:ready': [worker: { id: number; pid: number }]
  /** A process changed its state. 'ready' means healthy and enabled; see {@link WorkerState}. */
  'worker:state': [worker: { id: number; pid: number; from: WorkerState; state: WorkerState }]
  /** A process ended. `code` is null if a signal ended it, `signal` is null if it exited. */
  'worker:exit': [worker: { id: number; pid: number; code: number | null; signal: NodeJS.Signals | null }]
  /**
   * `moved` slots got a new owner. Established connections stay on their workers. `workers` are the ids of the workers
   * that own slots now.
   */
  'slots:moved': [change: { moved: number; workers: readonly number[]; reason: string }]
  /** A failure at run time: no worker can be started, or a reload or scale by signal or admin interface fails. */
  error: [error: StickyError]
}

/** Events of a worker. */
export interface WorkerRoleEvents {
  /**
   * This worker gets no new connections, and has `deadline` milliseconds to finish the open ones. End long-lived
   * connections now, and event streams that clients open later at once: a client may reconnect over the connection that
   * it has. After `grace` milliseconds the remaining WebSockets are closed with `code`, at random moments within `spread`
   * milliseconds.
   */
  drain: [Drain]
  /** This process was on standby and is worker `id` of `workers` now. */
  become: [{ id: number; workers: number }]
  /**
   * The last connection has ended. Close databases and the like now. This process ends a second later; where a listener
   * returns a promise, a second after that is settled, and at the deadline of 'drain' at the latest.
   */
  leave: []
}

/** Which worker a client address belongs to, and why. */
export interface Explanation {
  /** The address that was asked for. */
  address: string
  /** The affinity key without the seed: 4, 8 or 16 bytes. */
  key: Buffer
  /** farmhash.fingerprint32 of key XOR seed; uint32. */
  hash: number
  /** hash % 256. */
  slot: number
  /** Id of the worker that owns the slot. */
  worker: number
  steering: SteeringName
  /** The explanation in words. */
  reason: string
}

/** The state of one worker. */
export interface WorkerStatus {
  /** 0..workers-1. */
  id: number
  /** Process id; null while the worker has no process. */
  pid: number | null
  state: WorkerState
  /** Whether its heartbeats arrive in time and its event loop is not blocked; see the option `health`. */
  healthy: boolean
  /** Whether it may get new clients: false while it finishes. */
  enabled: boolean
  /** The number of reloads before the process was started: processes of one generation run the same program. */
  generation: number
  /** Milliseconds since its process started; 0 without a process. */
  uptime: number
  /** Number of earlier processes of this worker. */
  restarts: number
  /** Number of slots that it owns, of 256. */
  slots: number
  /** Connections that wait for it, or that it has not acknowledged yet. */
  pending: number
  /** Socket.IO broadcasts that its process did not receive, because too many were waiting. */
  dropped: number
  /** The last heartbeat of its process; null before the first one. */
  beat: Omit<Heartbeat, 'requests'> | null
  /** Requests answered by all processes of this worker, up to their last heartbeats. Only with the option `admin`. */
  requests?: RequestStatus
  /** How the previous process of this worker ended; null if there was none. */
  lastExit: {
    code: number | null
    signal: NodeJS.Signals | null
    /**
     * Why it ended, if more is known than code and signal: for example the error of an application that could not
     * start.
     */
    failure: string | undefined
    /** The last lines of its stderr, oldest first. */
    stderr: readonly string[]
  } | null
}

/** A snapshot of the balancer. Plain data, ready for JSON. */
export interface Status {
  /** Process id of the primary. */
  pid: number
  /** The address and port that clients connect to; null before the port is bound. */
  address: Address | null
  /** All addresses that clients connect to, the one above first; a path for a Unix socket. */
  addresses: readonly (Address | string)[]
  /** The address of the admin interface; null if it is off. */
  admin: Address | null
  /** Milliseconds since stickyListen was called. */
  uptime: number
  /** How connections reach their worker, and why in this way. `hash`: which build of FarmHash is in use. */
  steering: { name: SteeringName; reason: string; transport: string; hash: 'native' | 'portable' }
  /** By id. */
  workers: WorkerStatus[]
  /** Number of standby processes that are ready to take the place of a worker. */
  standby: number
  /** How often processes have entered each state since the start. */
  entered: Record<WorkerState, number>
  /** With kernel steering: connections in the queues of the kernel, by slot. */
  queues?: number[]
  /** Socket.IO's bridge to other hosts, if a worker has requested one. */
  bridge?: BridgeStatus
  /** Counters since the start; `pending`: connections that no worker has taken yet. */
  connections: SteeringCounters & { pending: number }
  /** Messages between the workers that the primary passes on. */
  bus: BusBrokerStatus
}

/** The process that owns the port. */
export interface PrimarySticky extends StickyCommon, EventEmitter<PrimaryEvents> {
  readonly role: 'primary'
  /** Only a worker has an id. It is declared here so that code for both roles can test it. */
  readonly id?: undefined
  readonly workers?: undefined
  /**
   * Resolves when every worker is ready. Rejects with a StickyError if the port cannot be opened or a worker cannot
   * start.
   */
  readonly ready: Promise<void>
  /** The current state of the balancer and its workers. */
  status(): Status
  /**
   * Which worker a client address belongs to, and why.
   *
   * @param address - an IPv4 or IPv6 address
   * @throws TypeError with code HOLDFAST_BAD_OPTION when `address` is not an address
   * @example
   * sticky.explain('192.0.2.7').worker // 2
   */
  explain(address: string): Explanation
  /**
   * Replaces the process of every worker by a new one, `reload.parallel` at a time. The new process gets ready and
   * takes over the slots in one step; the old process finishes its connections within `reload.deadline`. A second call
   * during a reload starts another reload after it.
   *
   * @returns resolves when all new processes serve and all old ones have ended
   * @throws StickyError HOLDFAST_RELOAD_FAILED when a new process does not get ready. The workers that are not replaced
   *   yet keep their old processes.
   */
  reload(): Promise<void>
  /**
   * Changes the number of workers. Only the slots that have to move get a new owner. Established connections stay on
   * their workers; a removed worker has `reload.deadline` to finish them.
   *
   * @param workers - 1 to 256
   * @returns resolves when the added workers serve and the removed ones have ended
   * @throws RangeError with code HOLDFAST_BAD_OPTION when `workers` is out of range
   * @throws StickyError HOLDFAST_WORKER_NOT_READY when an added worker does not get ready
   */
  scale(workers: number): Promise<void>
  /**
   * Stops accepting connections, lets the workers finish, and ends them.
   *
   * @returns resolves with true; with false if a worker did not finish in time and was killed
   */
  close(options?: CloseOptions): Promise<boolean>
}

/** A process that runs the application and serves connections. */
export interface WorkerSticky extends StickyCommon, EventEmitter<WorkerRoleEvents> {
  readonly role: 'worker'
  /** Resolves when the server is attached and this worker has reported to the primary that it is ready. */
  readonly ready: Promise<void>
  /**
   * Worker id, 0..workers-1. A process that replaces this one gets the same id. Negative while the process is on
   * standby.
   */
  readonly id: number
  /** Number of workers. */
  readonly workers: number
  /** Number of earlier processes of this worker. */
  readonly restarts: number
  /**
   * Takes no new connections, finishes the open ones, and ends this process. The primary starts another process for
   * this worker.
   */
  close(options?: CloseOptions): Promise<void>
}

/**
 * The handle that stickyListen returns. Check `role` to know which process this is.
 *
 * @example
 * const sticky = stickyListen(server, 3000)
 * if (sticky.role === 'primary') sticky.on('worker:exit', ({ id }) => console.log(`worker ${id} ended`))
 */
export type Sticky = PrimarySticky | WorkerSticky
