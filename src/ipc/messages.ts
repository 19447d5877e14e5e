// The messages between primary and worker on Node's IPC channel: two unions, the guards that check what arrives, and
// the protocol version. Other messages on the same channel, such as the application's, are not touched.
import { isListenTarget, type Address, type ListenTarget, type OpenListener } from './listen-target.ts'

export type { Address } from './listen-target.ts'

/** Changes whenever a message changes its name, its fields or its meaning. Primary and worker must have the same. */
export const PROTOCOL_VERSION = 3

/** Why a worker with that protocol version cannot serve under this primary; undefined: it can. */
export function protocolMismatch(version: unknown): string | undefined {
  if (version === PROTOCOL_VERSION) return undefined
  return `it speaks protocol ${String(version)}, this primary ${PROTOCOL_VERSION}: restart the primary too`
}

/** No process has this `instance`. */
export const ANY_PROCESS = 0

/** What a worker has to know to take connections and to keep sessions. */
export interface Registration {
  /** Worker id, 0..workers-1; negative while the process is on standby. */
  id: number
  /** Where the first listener of the balancer listens. */
  address: Address
  /** Transport over which connections come. */
  transport: 'node-ipc' | 'descriptor-channel'
  /** Whether the worker reports connections that end: see `connections-ended`. */
  countEnds: boolean
  /** Random number of 24 bits that tells this process from all others, also from former ones with the same id. */
  instance: number
  /** Folder of the workers' peer sockets. The first worker that needs it makes it. */
  folder: string
}

/** What a worker has to know before its application starts. It travels in the environment. */
export interface WorkerSetup extends Registration {
  /** {@link PROTOCOL_VERSION} of the primary. */
  version: number
  /** Number of workers. */
  workers: number
  /** The listeners that are open when the process starts. */
  listeners: readonly OpenListener[]
  /** How many of them, from number 0 on, are those of the first call of stickyListen in the primary. */
  ofFirstCall: number
  /**
   * The listeners that the process before this one serves: this one is not ready before it serves them too. Empty where
   * there is none.
   */
  expected: readonly number[]
  /** Milliseconds from its first listener on after which it is ready without the others of `expected`. */
  expectedTimeout: number
  /** How Node's IPC channel to the primary encodes messages. */
  serialization: 'json' | 'advanced'
  /** Length of the queue of each listening socket, in connections. */
  backlog: number
  /** How to finish without an order to: when the primary has ended, or when the worker leaves by itself. */
  drainPlan: Drain
  /** Number of processes that served as this worker before. */
  restarts: number
  /** Milliseconds between two heartbeats. */
  interval: number
  /** Whether heartbeats carry the counts of requests. */
  countRequests: boolean
}

/** A process that has a peer socket. */
export interface Peer {
  /** Worker id. */
  worker: number
  /** See {@link Registration}. */
  instance: number
  /** Whether the process is finishing, and gets no new connections. */
  draining: boolean
}

/** How a worker is to finish. Times are milliseconds. */
export interface Drain {
  /** From the order to the end of the process, at most. */
  deadline: number
  /** For goodbyes of the application's own, before the worker closes upgraded connections such as WebSockets. */
  grace: number
  /**
   * The worker closes each of them at a random moment within this time, so that clients do not come back all at once.
   */
  spread: number
  /** WebSocket close code: {@link GOING_AWAY} or {@link SERVICE_RESTART}. */
  code: number
}

/** WebSocket close code (RFC 6455, 7.4.1): the endpoint is going away, and no other process takes its place. */
export const GOING_AWAY = 1001

/** WebSocket close code (IANA registry): the client may come back at once, to another process. */
export const SERVICE_RESTART = 1012

/** What a worker reports of itself. */
export interface Heartbeat {
  /** Longest time that the event loop was held up since the heartbeat before, in milliseconds. */
  lag: number
  /** Resident memory, in bytes. */
  rss: number
  /** Heap in use, in bytes. */
  heapUsed: number
  /** Connections that are open now. */
  connections: number
  /** Connections that the process has got since it started. */
  served: number
  /** CPU time since the process started, in milliseconds. */
  cpu?: number
  /** Requests since the process started, where they are counted: see request-counts.ts. */
  requests?: readonly number[]
}

/** Bytes of a bus frame (bus/frames.ts); the same in base64 where the channel is encoded as JSON. */
export type Frame = Uint8Array | string

/**
 * From the primary to a worker. Each message names the file that sends it and the file that handles it. Sequence numbers
 * (`seq`) are those of connections on the way to one worker process, uint32.
 *
 * One message is a bare number instead: the sequence number of a connection. The connection's handle travels with it
 * (transport/node-ipc.ts).
 */
export type ToWorker =
  /**
   * Node's own answers to handles are seen on this channel: the worker sends no `ack` any more.
   *
   * transport/node-ipc.ts to transport/node-ipc.ts
   */
  | { type: 'stop-acks' }
  /**
   * The worker answers with `probe-answer`. A connection up to number `seq` that is not acknowledged by then was lost.
   *
   * transport/node-ipc.ts to transport/node-ipc.ts
   */
  | { type: 'probe'; seq: number }
  /**
   * No connection will follow.
   *
   * transport/node-ipc.ts to transport/node-ipc.ts
   */
  | { type: 'no-more-connections' }
  /**
   * The worker stops listening on the sockets with these numbers (listen-target.ts), in kernel steering. `acceptQueued`:
   * it accepts the connections in their queues first, because no other worker will. It answers with `slots-released`.
   *
   * steering/kernel/slot-link.ts to worker/join.ts
   */
  | { type: 'release-slots'; slots: number[]; acceptQueued: boolean }
  /**
   * Answer to the `listen` with the same number. The worker serves that listener from now on; with an `error`, none was
   * opened. `listener`: its number; `address`: what `server.address()` returns.
   *
   * primary/listeners.ts to worker/claims.ts
   */
  | { type: 'listening'; request: number; listener: number; address: Address | string; error?: ListenFailure }
  /**
   * The worker finishes what it serves, then exits.
   *
   * supervisor/worker-process.ts to worker/join.ts
   */
  | ({ type: 'drain' } & Drain)
  /**
   * The process was on standby and serves as worker `id` from now on. `workers`: number of workers.
   *
   * supervisor/worker-process.ts to worker/join.ts
   */
  | { type: 'promote'; id: number; workers: number }
  /**
   * The number of workers has changed.
   *
   * supervisor/worker-process.ts to worker/join.ts
   */
  | { type: 'worker-count'; workers: number }
  /**
   * The keys of TLS session tickets, 48 bytes in base64. They come before the first connection, and after each rotation.
   *
   * primary/ticket-keys.ts to serving/ticket-keys.ts
   */
  | { type: 'ticket-keys'; keys: string }
  /**
   * All processes with an open peer socket, and the worker id of each slot's owner, by slot.
   *
   * primary/peer-directory.ts to sessions/session-layer.ts
   */
  | { type: 'peers'; peers: Peer[]; owners: readonly number[] }
  /**
   * Messages of the bus for this worker, and answers to what the worker asked of the bus.
   *
   * bus/frame-channel.ts to bus/ipc-carrier.ts
   */
  | { type: 'bus-frame'; frame: Frame }
  /**
   * Whether the bridge reaches other hosts, and how many messages it has lost so far.
   *
   * socket-io/primary/exchange.ts to socket-io/backplane.ts
   */
  | { type: 'bridge-state'; connected: boolean; lost: number }
  /**
   * Another worker process has ended, and with it its part of Socket.IO.
   *
   * socket-io/primary/exchange.ts to socket-io/backplane.ts
   */
  | { type: 'server-gone' }
  /**
   * A message of Socket.IO's adapter in another worker.
   *
   * socket-io/primary/relay.ts to socket-io/backplane.ts
   */
  | { type: 'adapter-message'; message: object }
  /**
   * Answer to `register`.
   *
   * compat/cluster-primary.ts to compat/setup-worker.ts
   */
  | { type: 'registered'; registration: Registration }

/** Why a listener could not be opened, for the error that Node's own `listen()` would have given. */
export interface ListenFailure {
  /** Such as EADDRINUSE. */
  code: string | undefined
  message: string
}

/** From a worker to the primary. Each message names the file that sends it and the file that handles it. */
export type ToPrimary =
  /**
   * The application's server is attached. `version`: {@link PROTOCOL_VERSION} of the worker. `listeners`: the numbers of
   * the listeners that it serves.
   *
   * worker/join.ts to supervisor/worker-process.ts;
   * compat/setup-worker.ts to compat/cluster-primary.ts
   */
  | { type: 'ready'; version: number; listeners: readonly number[] }
  /**
   * A server of the worker wants to listen there. The primary opens the listener, unless it is open, and answers with
   * `listening`.
   *
   * worker/claims.ts to primary/listeners.ts
   */
  | { type: 'listen'; request: number; target: ListenTarget }
  /**
   * The worker's server was closed: no more connections of this listener come to this worker.
   *
   * worker/claims.ts to primary/listeners.ts
   */
  | { type: 'unlisten'; listener: number }
  /**
   * The application failed before its server was attached, and the process exits next. `message` and `code` are those of
   * the error.
   *
   * worker/join.ts to supervisor/worker-process.ts
   */
  | { type: 'start-failed'; message: string; code: string | undefined }
  /**
   * The worker has the connection with that sequence number.
   *
   * transport/node-ipc.ts to transport/node-ipc.ts
   */
  | { type: 'ack'; seq: number }
  /**
   * Answer to the `probe` with the same number.
   *
   * transport/node-ipc.ts to transport/node-ipc.ts
   */
  | { type: 'probe-answer'; seq: number }
  /**
   * The worker no longer listens on the sockets with these numbers. Answer to `release-slots`.
   *
   * worker/join.ts to steering/kernel/slot-link.ts
   */
  | { type: 'slots-released'; slots: number[] }
  /**
   * The connections that came under these sequence numbers have ended.
   *
   * serving/intake.ts to steering/handoff/handoff.ts
   */
  | { type: 'connections-ended'; seqs: number[] }
  /**
   * The worker finishes by itself, and wants no more connections. `reason`: for the log.
   *
   * worker/join.ts to supervisor/worker-process.ts;
   * compat/setup-worker.ts to compat/cluster-primary.ts
   */
  | { type: 'leaving'; reason: string }
  /**
   * Sign of life, once per {@link WorkerSetup} `interval`.
   *
   * worker/join.ts to supervisor/worker-process.ts
   */
  | ({ type: 'heartbeat' } & Heartbeat)
  /**
   * The worker's peer socket is open. The worker gets `peers` now, and after each change.
   *
   * sessions/session-layer.ts to primary/peer-directory.ts
   */
  | { type: 'peer-socket-open' }
  /**
   * The worker's peer socket closes, so the worker is no longer among the `peers`. It still gets them.
   *
   * sessions/session-layer.ts to primary/peer-directory.ts
   */
  | { type: 'peer-socket-closed' }
  /**
   * The socket that travels with the message, and its metadata, are for the process with that {@link Registration}
   * `instance`, or with {@link ANY_PROCESS} for the worker of the client's address.
   *
   * sessions/transfer-socket.ts to primary/peer-directory.ts;
   * serving/intake.ts to primary/peer-directory.ts
   */
  | { type: 'transfer'; instance: number }
  /**
   * Messages of the bus from this worker, and what the worker asks of the bus.
   *
   * bus/frame-channel.ts to bus/primary/broker.ts
   */
  | { type: 'bus-frame'; frame: Frame }
  /**
   * Broadcasts are to reach other hosts: the primary opens the bridge over this Redis, encoded by `packTarget()`.
   * `program`: path of the worker's program; ioredis may be installed beside it only.
   *
   * socket-io/backplane.ts to socket-io/primary/exchange.ts
   */
  | { type: 'open-bridge'; redis: string; channelPrefix: string; program: string }
  /**
   * A message of the Socket.IO adapter that attachSocketIO has set, for other workers. The application's own adapter sends
   * its messages as they are.
   *
   * socket-io/backplane.ts to supervisor/worker-process.ts
   */
  | { type: 'adapter-message'; message: object }
  /**
   * A worker of the application's own cluster wants to take connections. The primary answers with `registered`.
   * `version`: {@link PROTOCOL_VERSION} of the worker.
   *
   * compat/setup-worker.ts to compat/cluster-primary.ts
   */
  | { type: 'register'; version: number }

/** A check of each field that is computed with. Other fields need none: both ends are the same program. */
type FieldChecks = Readonly<Record<string, (value: unknown) => boolean>>

const toWorkerChecks: Record<ToWorker['type'], FieldChecks> = {
  'stop-acks': {},
  probe: { seq: Number.isSafeInteger },
  'no-more-connections': {},
  'release-slots': { slots: isSockets },
  listening: { request: Number.isSafeInteger, listener: isListener },
  drain: { deadline: Number.isFinite, grace: Number.isFinite, spread: Number.isFinite, code: Number.isInteger },
  promote: { id: Number.isSafeInteger, workers: Number.isSafeInteger },
  'worker-count': { workers: Number.isSafeInteger },
  'ticket-keys': { keys: isTicketKeys },
  peers: { peers: Array.isArray, owners: Array.isArray },
  'bus-frame': { frame: isFrame },
  'bridge-state': { lost: Number.isSafeInteger },
  'server-gone': {},
  'adapter-message': { message: isObject },
  registered: { registration: isObject },
}

const toPrimaryChecks: Record<ToPrimary['type'], FieldChecks> = {
  // The version is not checked here: an error message names a wrong one.
  ready: { listeners: (value) => value === undefined || isNumbers(value) },
  listen: { request: Number.isSafeInteger, target: isListenTarget },
  unlisten: { listener: isListener },
  'start-failed': {},
  ack: { seq: Number.isSafeInteger },
  'probe-answer': { seq: Number.isSafeInteger },
  'slots-released': { slots: isSockets },
  'connections-ended': { seqs: isNumbers },
  leaving: {},
  heartbeat: {
    lag: Number.isFinite,
    rss: Number.isFinite,
    heapUsed: Number.isFinite,
    connections: Number.isFinite,
    served: Number.isFinite,
    cpu: (value) => value === undefined || Number.isFinite(value),
    requests: (value) => value === undefined || isNumbers(value),
  },
  'peer-socket-open': {},
  'peer-socket-closed': {},
  transfer: { instance: Number.isSafeInteger },
  'bus-frame': { frame: isFrame },
  'open-bridge': { redis: isString, channelPrefix: isString, program: isString },
  'adapter-message': { message: isObject },
  register: {},
}

/**
 * Marks the messages of Holdfast. Node emits a message with a `cmd` that begins with NODE_ as 'internalMessage' and not as
 * 'message', so the application never sees one. node:cluster has its own messages in the same way, as NODE_CLUSTER.
 */
const COMMAND = 'NODE_HOLDFAST'

/** A message of Holdfast's as it travels, so that it differs from any other message on the same channel. */
export interface Envelope<T> {
  cmd: typeof COMMAND
  holdfast: T
  /** What travels with a connection, encoded (transport/metadata.ts), in base64. */
  metadata?: string
}

/** @param metadata - of a connection, encoded */
export function envelope<T>(message: T, metadata?: Buffer): Envelope<T> {
  if (metadata === undefined) return { cmd: COMMAND, holdfast: message }
  return { cmd: COMMAND, holdfast: message, metadata: metadata.toString('base64') }
}

/** Decodes a message in a worker. @returns undefined when it is not a known message with the right fields */
export function decodeForWorker(raw: unknown): ToWorker | undefined {
  return decode(raw, toWorkerChecks) as ToWorker | undefined
}

/** Decodes a message in the primary. @returns undefined when it is not a known message with the right fields */
export function decodeForPrimary(raw: unknown): ToPrimary | undefined {
  return decode(raw, toPrimaryChecks) as ToPrimary | undefined
}

/** Whether the message is marked as one of Holdfast's, known or unknown. */
export function isEnvelope(raw: unknown): raw is Envelope<unknown> {
  return typeof raw === 'object' && raw !== null && 'cmd' in raw && raw.cmd === COMMAND && 'holdfast' in raw
}

function decode(raw: unknown, checksByType: Readonly<Record<string, FieldChecks>>): unknown {
  if (!isEnvelope(raw)) return undefined
  const message = raw.holdfast
  if (typeof message !== 'object' || message === null) return undefined
  const type: unknown = Reflect.get(message, 'type')
  if (typeof type !== 'string' || !Object.hasOwn(checksByType, type)) return undefined
  const isValid = Object.entries(checksByType[type] ?? {}).every(([name, check]) => check(Reflect.get(message, name)))
  return isValid ? message : undefined
}

function isSockets(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 16)
}

function isListener(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 256
}

function isFrame(value: unknown): value is Frame {
  return typeof value === 'string' || value instanceof Uint8Array
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isSafeInteger)
}

/** Whether Node takes the value for keys of session tickets: 48 bytes, here in base64. */
function isTicketKeys(value: unknown): boolean {
  return isString(value) && Buffer.from(value, 'base64').length === 48
}
