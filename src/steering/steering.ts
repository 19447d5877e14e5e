// How a connection gets to its worker: the interface of both ways, hand-off and kernel steering, as the balancer uses
// it.
import type { WorkerChannel } from '../ipc/channel.ts'
import type { Address, ListenTarget } from '../ipc/listen-target.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { Endpoint } from '../transport/transport.ts'
import type { Settings } from '../options/settings.ts'
import type { SlotTable } from '../slots/slot-table.ts'

/** Why the primary closed a connection instead of having it served. */
export const CLOSE_REASONS = {
  'no-address': 'the client reset the connection before it was accepted',
  'pending-full': 'limits.maxPending connections were already waiting',
  'connections-full': 'limits.maxConnections connections were already open',
  'address-full': 'the client address already had limits.maxPerAddress connections open',
  descriptors: 'the primary had no file descriptor left for it',
  'hold-timeout': 'no worker took the connection within limits.holdTimeout',
  'owner-gone': 'the worker of its session ended before it took the connection, and no other worker was ready',
  'listener-closed': 'the program closed its last server on the port or path while the connection waited for it',
  'proxy-untrusted': 'the peer is not in proxyProtocol.trust',
  'proxy-missing': 'the connection does not begin with a PROXY protocol header',
  'proxy-malformed': 'the PROXY protocol header is malformed',
  'proxy-too-long': 'the PROXY protocol header is longer than proxyProtocol.maxHeader, or than its version allows',
  'proxy-checksum': 'the checksum in the PROXY protocol header is wrong',
  'proxy-timeout': 'the PROXY protocol header was not complete within proxyProtocol.timeout',
  'proxy-aborted': 'the connection ended before its PROXY protocol header was complete',
  'proxy-waiting-full':
    'proxyProtocol.maxWaiting connections were waiting for their header, and this one had waited longest',
  shutdown: 'the balancer was closing, and no worker was left to serve the connection',
} as const

export type CloseReason = keyof typeof CLOSE_REASONS

/** Counters since start. With hand-off: accepted + moved = handedOff + pending + the sum of closed. */
export interface SteeringCounters {
  /** Connections that the primary accepted. */
  accepted: number
  /** Connections that one worker transferred to another, because the session of their requests is there. */
  moved: number
  /** Connections that workers have. */
  handedOff: number
  /** Clients that were sent to another worker than the owner of their slot, which had too many: `limits.loadFactor`. */
  spilled: number
  /** Connections that were sent again, because the worker did not get them at first. */
  redispatched: number
  /** How often the primary stopped accepting because it had few descriptors left. */
  pauses: number
  /** Connections that the primary closed, by reason. */
  closed: Record<CloseReason, number>
}

export type SteeringName = 'handoff' | 'kernel'

export function newCounters(): SteeringCounters {
  return {
    accepted: 0,
    moved: 0,
    handedOff: 0,
    spilled: 0,
    redispatched: 0,
    pauses: 0,
    closed: Object.fromEntries(Object.keys(CLOSE_REASONS).map((reason) => [reason, 0])) as Record<CloseReason, number>,
  }
}

/** Milliseconds between two checks of timeouts: half of the shortest timeout. */
export function checkPeriod({ health, limits }: Pick<Settings, 'health' | 'limits'>): number {
  return Math.max(20, Math.min(health.ackTimeout, limits.holdTimeout) / 2)
}

/** What steering reports to the balancer. */
export interface SteeringEvents {
  /** A worker has been without a process for `limits.holdTimeout`: its slots may fail over. Reported at each check. */
  onOverdue(worker: number): void
}

/** Where the balancer listens. */
export interface ListenerPlan {
  /** Its number, 0..255. */
  readonly id: number
  readonly target: ListenTarget
  /** Whether connections begin with a header of the PROXY protocol, where the option `proxyProtocol` is on. */
  readonly isBehindProxy: boolean
}

/** A way to get connections to workers. A worker without an attached process is down, and its connections wait. */
export interface Steering {
  readonly name: SteeringName
  /**
   * Opens a listener, or takes over the sockets that were passed in for it.
   *
   * @returns what `server.address()` returns
   * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_BAD_ACTIVATION
   */
  open(plan: ListenerPlan): Promise<Address | string>
  /** Listens again where the file of a Unix socket was removed. @throws Error of Node */
  restore(listener: number): Promise<void>
  /** Sets the owners of the slots, from the next connection on. */
  assign(table: SlotTable): void
  /** The process serves the listener: it gets that listener's connections, as soon as it is attached. */
  serve(channel: WorkerChannel, listener: number): void
  /** The process serves the listener no longer. Another worker gets its connections, unless it was the last one. */
  unserve(channel: WorkerChannel, listener: number): void
  /** The process at the other end of the channel is ready: it gets the worker's connections from now on. */
  attach(worker: number, channel: WorkerChannel, endpoint: Endpoint): void
  /** The process gets no more connections, but keeps those that were sent to it. */
  retire(channel: WorkerChannel): void
  /** The process has ended: another one gets the connections that it had not acknowledged. */
  detach(channel: WorkerChannel): void
  /**
   * Sends on a connection that a worker has read from, because the session of its requests is in another process.
   *
   * @param channel - of that process; undefined when it has ended: another process then routes the requests again
   * @param metadata - encoded (transport/metadata.ts)
   */
  transfer(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void
  /**
   * For how many milliseconds the process has owed an answer; 0 while it owes none.
   *
   * @param now - milliseconds on the monotonic clock
   */
  silence(channel: WorkerChannel, now: number): number
  /** Closes one listener, which no worker serves any more. */
  closeListener(listener: number): Promise<void>
  /** Stops accepting. Connections that are accepted already still go to their workers. */
  closeListeners(): Promise<void>
  /** Resolves when no connection is pending, at the latest after `deadline` milliseconds. */
  drained(deadline: number): Promise<void>
  /** Closes the connections that are still pending. With hand-off, counts them as 'shutdown'. */
  close(): void
  readonly counters: Readonly<SteeringCounters>
  /** Number of connections that were accepted and that no worker has yet. */
  readonly pending: number
  /** The same for one worker. */
  pendingOf(worker: number): number
  /** Number of connections in the kernel's queues, by slot; not there where the primary accepts them. */
  queues?(): number[]
}
