// Socket.IO across workers: picks the official adapter and attaches it.
import type * as RedisAdapter from '@socket.io/redis-adapter'
import type { Namespace, Server } from 'socket.io'
import type { Drain } from '../protocol.ts'
import { Reader } from '../option-reader.ts'
import { workerSetup } from '../role.ts'
import { lifecycle } from '../worker/lifecycle.ts'
import { clusterAdapter } from './cluster-adapter.ts'
import { requireOptional } from './optional.ts'
import { redisPair } from './redis-client.ts'

/** Options of {@link attachSocketIO}. */
export interface AttachOptions {
  /**
   * URL of the Redis to broadcast through, needed as soon as there is more than one host; `false` for none even where
   * REDIS_URL is set.
   * @default the REDIS_URL environment variable
   * @example 'redis://127.0.0.1:6379'
   */
  redis?: string | false
  /** Prefix of the Redis channels; applications that share a Redis need different ones. @default 'socket.io' */
  channelPrefix?: string
}

/** The way that broadcasts take between workers. */
export interface Backplane {
  /** redis: through Redis. ipc: through the primary. none: not a worker, so there is nobody else. */
  readonly kind: 'redis' | 'ipc' | 'none'
  /** Why this one. */
  readonly reason: string
  /** Whether broadcasts reach the other workers now: false while Redis is away. */
  readonly connected: boolean
  /** Broadcasts that the other workers did not get because Redis was away. */
  readonly lost: number
  /** Closes the connections to Redis, if there are any. */
  close(): Promise<void>
}

/**
 * Lets a Socket.IO server reach the clients of all workers: rooms, broadcasts, acknowledgements, `fetchSockets()`.
 *
 * Call it once per Socket.IO server, before connections come in. In the primary it does nothing, so the same file runs
 * in both roles.
 *
 * @throws StickyError HOLDFAST_MISSING_PACKAGE when the adapter's package is not installed
 * @throws TypeError with code HOLDFAST_BAD_OPTION
 * @example
 * const io = new Server(server)
 * attachSocketIO(io)
 * stickyListen(server, 3000)
 */
export function attachSocketIO(io: Server, options?: AttachOptions): Backplane {
  const { url, reason, channelPrefix } = readOptions(options)
  const setup = workerSetup()
  if (setup === undefined) return notAWorker(io, url, reason, channelPrefix)
  keepSessions(io)
  // A client whose engine is closed comes back by itself; one that is told to disconnect does not.
  lifecycle.once('drain', (how) => closeClients(io, how))
  const backplane = url === undefined ? throughPrimary(io, reason) : throughRedis(io, url, reason, channelPrefix)
  // Every worker decides the same; one line is enough. Next turn: stickyListen may bring a logger of the user's.
  if (setup.id === 0) setImmediate(() => lifecycle.logger.info('backplane.chosen', { kind: backplane.kind, reason }))
  return backplane
}

/** Polling requests and upgrades find their session on whatever connection they come: its id names this process. */
function keepSessions(io: Server): void {
  lifecycle.keep('socket.io')
  const nameSessions = (engine: Server['engine']): void => {
    const generateId = engine.generateId.bind(engine)
    engine.generateId = (request) => lifecycle.sid?.() ?? generateId(request)
  }
  // Absent until the application attaches it to a server.
  const engine = io.engine as typeof io.engine | undefined
  if (engine !== undefined) return nameSessions(engine)
  const bind = io.bind.bind(io)
  io.bind = (late) => {
    nameSessions(late as Server['engine'])
    return bind(late)
  }
}

/** The primary; or one process alone, which needs nothing but Redis, if there are other hosts. */
function notAWorker(io: Server, url: string | undefined, reason: string, channelPrefix: string): Backplane {
  let inner = fixed('none', 'this process is not a worker')
  const attach = (): void => {
    lifecycle.once('drain', (how) => closeClients(io, how))
    inner = url === undefined ? toNobody(io) : throughRedis(io, url, reason, channelPrefix)
    lifecycle.logger.info('backplane.chosen', { kind: inner.kind, reason: inner.reason })
  }
  // stickyListen has been called where the target function makes the Socket.IO server; it is still to be called where
  // the program does.
  if (lifecycle.isAlone) attach()
  else lifecycle.once('alone', attach)
  return {
    get kind() {
      return inner.kind
    },
    get reason() {
      return inner.reason
    },
    get connected() {
      return inner.connected
    },
    get lost() {
      return inner.lost
    },
    close: () => inner.close(),
  }
}

/** Each at a moment of its own, so that the whole herd does not come back at once. */
function closeClients(io: Server, { grace, spread }: Drain): void {
  // Absent when the application never attached it to a server.
  const engine = io.engine as typeof io.engine | undefined
  if (engine === undefined) return
  const clients = Object.values(Reflect.get(engine, 'clients') as Record<string, { close(discard?: boolean): void }>)
  for (const client of clients) setTimeout(() => client.close(true), grace + Math.random() * spread).unref()
  setTimeout(() => engine.close(), grace + spread).unref()
}

function readOptions(options: AttachOptions | undefined) {
  const read = new Reader('attachSocketIO options', options)
  const channelPrefix = read.string('channelPrefix') ?? 'socket.io'
  const redis = read.raw('redis')
  read.done()
  if (redis !== undefined && redis !== false && (typeof redis !== 'string' || !/^rediss?:\/\/|^\//.test(redis))) {
    throw read.wrong('redis', TypeError, 'false or a URL that starts with redis://', "'redis://127.0.0.1:6379'", redis)
  }
  if (redis === false) return { url: undefined, reason: 'the redis option is false', channelPrefix }
  if (redis !== undefined) return { url: redis, reason: 'the redis option is set', channelPrefix }
  const url = process.env['REDIS_URL'] || undefined
  return { url, reason: `REDIS_URL is ${url === undefined ? 'not ' : ''}set`, channelPrefix }
}

function throughPrimary(io: Server, reason: string): Backplane {
  io.adapter(clusterAdapter(workerSetup()?.serialization ?? 'json'))
  // Its timers would keep this process for as long as it is allowed to stay.
  const closeAtEnd = (namespace: Namespace) => lifecycle.once('leave', () => void namespace.adapter.close())
  closeAtEnd(io.of('/'))
  io.on('new_namespace', closeAtEnd)
  return fixed('ipc', reason)
}

function throughRedis(io: Server, url: string, reason: string, key: string): Backplane {
  const name = '@socket.io/redis-adapter'
  const { createAdapter } = requireOptional(name, 'Socket.IO over Redis') as typeof RedisAdapter
  const { id } = workerSetup() ?? {}
  const pair = redisPair(url, {
    up: () => lifecycle.logger.info('redis.up', { worker: id }),
    down: (why) => lifecycle.logger.warn('redis.down', { worker: id, reason: why }),
  })
  lifecycle.once('leave', () => void pair.close())
  io.adapter(createAdapter(pair.publisher, pair.subscriber, { key, publishOnSpecificResponseChannel: true }))
  return {
    kind: 'redis',
    reason,
    get connected() {
      return pair.connected
    },
    get lost() {
      return pair.lost
    },
    close: () => pair.close(),
  }
}

/** Socket.IO's own adapter reaches the clients of this process; questions to other servers it only complains about. */
function toNobody(io: Server): Backplane {
  const answer = ({ adapter }: Namespace): void => {
    adapter.serverSideEmit = (packet: unknown[]) => {
      const answered = packet.at(-1)
      if (typeof answered === 'function') answered(null, [])
    }
  }
  answer(io.of('/'))
  io.on('new_namespace', answer)
  return fixed('none', 'there is only this process')
}

function fixed(kind: 'ipc' | 'none', reason: string): Backplane {
  return { kind, reason, connected: true, lost: 0, close: async () => {} }
}
