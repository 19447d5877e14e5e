// How does the connection get to its worker? Both ways, hand-off and kernel, look like this to the balancer.
import type { WorkerChannel } from '../ipc/channel.ts'
import type { Address } from '../ipc/messages.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { Endpoint } from '../transport/transport.ts'
import type { Settings } from '../options/settings.ts'
import type { SlotTable } from '../slots/slot-table.ts'

/** Why a connection was closed by the primary instead of being served. */
export const CLOSE_REASONS = {
  'no-address': 'the client reset the connection before it was accepted',
  'pending-full': 'limits.maxPending connections were already waiting',
  'connections-full': 'limits.maxConnections connections were already open',
  'address-full': 'the client address already had limits.maxPerAddress connections open',
  descriptors: 'the primary had no file descriptor left for it',
  'hold-timeout': 'no worker took the connection within limits.holdTimeout',
  'owner-gone': 'the worker of its session ended before it took the connection, and no other worker was ready',
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

/** Counters since start. accepted + moved = handedOff + pending + the sum of closed. */
export interface SteeringCounters {
  accepted: number
  /** Passed from one worker to another, because a session of theirs lives there. */
  moved: number
  handedOff: number
  /** Clients that were sent to another worker than their own, because that one had too many: `limits.loadFactor`. */
  spilled: number
  /** Sent again because the first worker did not take it. */
  redispatched: number
  /** How often accepting was stopped for want of descriptors. */
  pauses: number
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

/** Milliseconds between two looks at who is silent and who waits: twice within the shortest patience. */
export function lookPeriod({ health, limits }: Pick<Settings, 'health' | 'limits'>): number {
  return Math.max(20, Math.min(health.ackTimeout, limits.holdTimeout) / 2)
}

/** What steering tells the balancer. */
export interface SteeringEvents {
  /** A worker has been away for `limits.holdTimeout`: its slots may fail over. */
  overdue(worker: number): void
}

/** A way to get connections to workers. A worker without a channel is down: its connections wait. */
export interface Steering {
  readonly name: SteeringName
  /** Opens the port, or takes what was passed in. @throws StickyError with a code of its own for each reason */
  open(): Promise<Address>
  /** The new owners of the slots, from the next connection on. */
  assign(table: SlotTable): void
  /** The process is ready: from now on the worker's connections go there. */
  attach(worker: number, channel: WorkerChannel, endpoint: Endpoint): void
  /** The process lives and shall get no more; what was sent to it is its own. */
  retire(channel: WorkerChannel): void
  /** The process is gone: what it had not taken goes to its successor. */
  detach(channel: WorkerChannel): void
  /**
   * Passes on a socket that a worker read from: it belongs to a session of that process.
   *
   * @param channel - undefined where the process is gone: another one looks at what is on the socket
   */
  pass(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void
  /** Milliseconds that the process has owed an answer; 0 while it owes none. */
  silence(channel: WorkerChannel, now: number): number
  /** Stops accepting. Connections already accepted still go to their workers. */
  closeListener(): Promise<void>
  /** Resolves when no connection is pending, at the latest after so many milliseconds. */
  drained(deadline: number): Promise<void>
  /** Closes what still waits. */
  close(): void
  readonly counters: Readonly<SteeringCounters>
  /** Connections accepted and not taken. */
  readonly pending: number
  pendingOf(worker: number): number
  /** Connections that wait in the kernel, by slot; undefined where the primary accepts them. */
  queues?(): number[]
}
