// The messages between primary and worker: two unions, their guards and the version. Anything else on the channel is
// somebody else's (Socket.IO's adapter, the application) or unknown, and is never trusted.

/** Changes whenever a message changes its meaning; both sides must have the same. */
export const PROTOCOL_VERSION = 1

/** Why a worker with that protocol version cannot serve under this primary; undefined: it can. */
export function protocolMismatch(version: unknown): string | undefined {
  if (version === PROTOCOL_VERSION) return undefined
  return `it speaks protocol ${String(version)}, this primary ${PROTOCOL_VERSION}: restart the primary too`
}

/** The public address of the balancer, as `server.address()` gives it. */
export interface Address {
  address: string
  family: 'IPv4' | 'IPv6'
  port: number
}

/** What a worker has to know to take connections and keep sessions. */
export interface Registration {
  /** 0..workers-1; negative for a standby, which becomes a worker when one is missing */
  id: number
  address: Address
  transport: 'node-ipc' | 'descriptor-channel'
  /** Whether the primary wants to know when connections end. */
  countEnds: boolean
  /** Random, 24 bits: tells this process from all others that served, also under the same id. */
  instance: number
  /** For the peer sockets of the workers; made by the first that needs one. */
  folder: string
}

/** What a worker has to know before its application starts; travels in the environment. */
export interface WorkerSetup extends Registration {
  version: number
  workers: number
  /** Of Node's own channel to the primary. */
  serialization: 'json' | 'advanced'
  /** Queued connections per listening socket. */
  backlog: number
  /** How to finish when nobody says how: the primary is gone, or the worker leaves by itself. */
  drainPlan: Drain
  /** Processes that served as this worker before. */
  restarts: number
  /** Milliseconds between two beats. */
  interval: number
  /** Whether the primary wants to know of requests. */
  countRequests: boolean
}

/** A process that has a peer socket. */
export interface Peer {
  worker: number
  instance: number
  /** It finishes, and gets no new connections. */
  draining: boolean
}

/** How a worker is to finish. Milliseconds. */
export interface Drain {
  /** At the latest. */
  deadline: number
  /** What the application has for its own goodbyes, before connections that were upgraded are closed. */
  grace: number
  /** Those are closed at random moments within so much time, so that their clients do not come back all at once. */
  spread: number
  /** WebSocket close code: 1001 going away, 1012 service restart. */
  code: number
}

/** WebSocket close codes (RFC 6455, 7.4.1, and its registry): nobody is left here; come back, to another process. */
export const GOING_AWAY = 1001
export const SERVICE_RESTART = 1012

/** What a worker tells of itself now and then. */
export interface Heartbeat {
  /** Milliseconds that its event loop was held up at most since the beat before. */
  lag: number
  /** Bytes. */
  rss: number
  heapUsed: number
  /** Connections open now, and taken since it started. */
  connections: number
  served: number
  /** Milliseconds of CPU time since it started. */
  cpu?: number
  /** What it has answered since it started, where that is counted: see request-counts.ts. */
  requests?: readonly number[]
}

/** Primary to worker; and a bare number, the number of the connection whose handle travels with it. */
export type ToWorker =
  /** Node's own answers are seen: no need for 'ack' any more. */
  | { type: 'quiet' }
  /** Asks for a sign of life; whatever was sent before it and is not acknowledged then was lost. */
  | { type: 'probe'; seq: number }
  /** No connection will follow. */
  | { type: 'end' }
  /** Stop listening on these slots; `final`: accept what is queued there first. */
  | { type: 'drop'; slots: number[]; final: boolean }
  /** Finish what you serve, then exit. */
  | ({ type: 'drain' } & Drain)
  /** You were a standby; from now on you are this worker. */
  | { type: 'become'; id: number; workers: number }
  /** So many workers there are now. */
  | { type: 'workers'; workers: number }
  /** Who has which sessions: the processes with a peer socket, and the worker of each slot. */
  | { type: 'peers'; peers: Peer[]; owners: readonly number[] }
  /** What the bus carries to you; bus/frames.ts. */
  | { type: 'bus'; frame: Frame }
  /** Whether the bridge reaches other hosts, and how many messages it lost. */
  | { type: 'bridged'; connected: boolean; lost: number }
  /** Answer to 'register'. */
  | { type: 'registered'; registration: Registration }

/** Worker to primary. */
export type ToPrimary =
  /** The application's server is attached. */
  | { type: 'ready'; version: number }
  /** The application failed before it got there; the process exits next. */
  | { type: 'failed'; message: string; code: string | undefined }
  /** Connection `seq` is taken. */
  | { type: 'ack'; seq: number }
  /** Answer to the probe of that number. */
  | { type: 'alive'; seq: number }
  /** These slots are not listened on any more. */
  | { type: 'dropped'; slots: number[] }
  /** The connections that came under these numbers have ended. */
  | { type: 'ended'; numbers: number[] }
  /** This worker stops by itself: send no more. */
  | { type: 'leave'; reason: string }
  | ({ type: 'heartbeat' } & Heartbeat)
  /** My peer socket is open: tell me of the others. */
  | { type: 'reachable' }
  /** It closes, and still I need to know of the others. */
  | { type: 'unreachable' }
  /** The socket that comes along is that process's. */
  | { type: 'move'; instance: number }
  /** What the bus carries from here, and what it is asked for. */
  | { type: 'bus'; frame: Frame }
  /** Broadcasts are to reach other hosts: open the bridge over this Redis (see packTarget). */
  | { type: 'bridge'; redis: string; channelPrefix: string }
  /** A worker of the application's own cluster wants to take connections. */
  | { type: 'register'; version: number }

/** Bytes, or the same in base64 where the channel speaks JSON. */
export type Frame = Uint8Array | string

/** What has to be there besides the type. Both ends are the same program, so only what is computed with is checked. */
type Fields = Readonly<Record<string, (value: unknown) => boolean>>

const toWorker: Record<ToWorker['type'], Fields> = {
  quiet: {},
  probe: { seq: Number.isSafeInteger },
  end: {},
  drop: { slots: isSlots },
  drain: { deadline: Number.isFinite, grace: Number.isFinite, spread: Number.isFinite, code: Number.isInteger },
  become: { id: Number.isSafeInteger, workers: Number.isSafeInteger },
  workers: { workers: Number.isSafeInteger },
  peers: { peers: Array.isArray, owners: Array.isArray },
  bus: { frame: isFrame },
  bridged: { lost: Number.isSafeInteger },
  registered: { registration: isObject },
}

const toPrimary: Record<ToPrimary['type'], Fields> = {
  // Any version: a wrong one is to be named, not ignored.
  ready: {},
  failed: {},
  ack: { seq: Number.isSafeInteger },
  alive: { seq: Number.isSafeInteger },
  dropped: { slots: isSlots },
  ended: { numbers: isNumbers },
  leave: {},
  heartbeat: {
    lag: Number.isFinite,
    rss: Number.isFinite,
    heapUsed: Number.isFinite,
    connections: Number.isFinite,
    served: Number.isFinite,
    cpu: (value) => value === undefined || Number.isFinite(value),
    requests: (value) => value === undefined || isNumbers(value),
  },
  reachable: {},
  unreachable: {},
  move: { instance: Number.isSafeInteger },
  bus: { frame: isFrame },
  bridge: { redis: isString, channelPrefix: isString },
  register: {},
}

/** A message of ours, wrapped so that it can be told from any other on the same channel. */
export interface Envelope<T> {
  holdfast: T
  /** What goes along with a connection, in base64; see transport/metadata.ts. */
  metadata?: string
}

/** The message for a worker in what came from the channel; undefined if it is not ours. */
export function decodeForWorker(raw: unknown): ToWorker | undefined {
  return open(raw, toWorker) as ToWorker | undefined
}

/** The message for the primary in what came from the channel; undefined if it is not ours. */
export function decodeForPrimary(raw: unknown): ToPrimary | undefined {
  return open(raw, toPrimary) as ToPrimary | undefined
}

/** Whether `raw` claims to be ours, known or not. */
export function isEnvelope(raw: unknown): raw is Envelope<unknown> {
  return typeof raw === 'object' && raw !== null && 'holdfast' in raw
}

function open(raw: unknown, messages: Readonly<Record<string, Fields>>): unknown {
  if (!isEnvelope(raw)) return undefined
  const message = raw.holdfast
  if (typeof message !== 'object' || message === null) return undefined
  const type: unknown = Reflect.get(message, 'type')
  if (typeof type !== 'string' || !Object.hasOwn(messages, type)) return undefined
  const fits = Object.entries(messages[type] ?? {}).every(([name, check]) => check(Reflect.get(message, name)))
  return fits ? message : undefined
}

function isSlots(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((slot) => Number.isInteger(slot) && slot >= 0 && slot < 256)
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
