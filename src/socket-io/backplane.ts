// The ways that Socket.IO's broadcasts take between workers: each as an adapter, and the state of its connection.
import { EventEmitter } from 'node:events'
import { describe } from '../errors.ts'
import { primaryChannel } from '../ipc/channel.ts'
import { workerSetup } from '../ipc/role.ts'
import { sendToPrimary } from '../ipc/send.ts'
import type { ToWorker } from '../ipc/messages.ts'
import type { Runtime } from '../runtime.ts'
import { AdapterClients } from './adapter-clients.ts'
import type { AdapterFactory } from './adapter-message.ts'
import type { AdapterChoice, AdapterPlan } from './attach-options.ts'
import { clusterAdapter, type Line } from './cluster-adapter.ts'
import type { OnServerGone } from './cluster-census.ts'
import { Exchange, type BridgeRequest, type Member } from './primary/exchange.ts'
import { redisAdapter } from './redis-adapters.ts'
import { requireRedis } from '../redis/client.ts'
import { ownProgram } from '../redis/optional.ts'
import { packTarget } from '../redis/target.ts'
import { streamsAdapter } from './streams-adapter.ts'

/** The way that broadcasts take between workers. */
export interface Backplane {
  /** redis: through Redis. ipc: through the primary. none: this process is no worker, and there are no others. */
  readonly kind: 'redis' | 'ipc' | 'none'
  /** The adapter; see the `adapter` option. */
  readonly adapter: Exclude<AdapterChoice, 'auto'> | 'none'
  /** Why this adapter. */
  readonly reason: string
  /**
   * Whether broadcasts reach all other workers now: false while Redis is away. With the bridge, they still reach the
   * workers of this host then.
   */
  readonly connected: boolean
  /**
   * Broadcasts that other workers did not get because Redis was away. With the bridge, those of all workers of this
   * host; the primary sends the count at most once a second.
   */
  readonly lost: number
  /** Closes this process' connections to Redis, if it has any. */
  close(): Promise<void>
}

/** An adapter that is ready to attach. */
export interface AdapterSetup {
  adapter: AdapterFactory
  backplane: Backplane
}

type RedisAdapterPlan = Exclude<AdapterPlan, { adapter: 'ipc' }>

/** Without the bridge, whose connections to Redis are the primary's. */
type WorkerRedisPlan = Exclude<RedisAdapterPlan, { adapter: 'bridge' }>

/** Through the primary, over Node's channel. */
export function throughPrimary(reason: string, runtime: Runtime): AdapterSetup {
  return { adapter: clusterAdapter(lineToPrimary(runtime)), backplane: fixed('ipc', reason) }
}

/** Through the primary, and from there through Redis to other hosts. */
export function throughBridge(plan: RedisAdapterPlan, runtime: Runtime): AdapterSetup {
  // The primary needs ioredis; an error here, in the worker, reaches the application.
  requireRedis('the bridge')
  const backplane = bridged(plan.reason)
  newsOfPrimary().on('bridge-state', (message) => backplane.told(message))
  // Before the adapter says its first word.
  sendToPrimary(bridgeRequest(plan))
  return { adapter: clusterAdapter(lineToPrimary(runtime)), backplane }
}

/** With `workers: 0`, where this process is its own primary. */
export function bridgeStandalone(plan: RedisAdapterPlan, runtime: Runtime): AdapterSetup {
  requireRedis('the bridge')
  const backplane = bridged(plan.reason)
  const listeners = new Set<AdapterListener>()
  const self: Member = {
    relay: (message) => listeners.forEach((listener) => listener(message as { nsp: string })),
    send: (message) => message.type === 'bridge-state' && backplane.told(message),
  }
  const exchange = new Exchange(runtime.logger, 'advanced', () => [self])
  backplane.close = () => exchange.close()
  exchange.open(bridgeRequest(plan))
  runtime.once('leave', () => void exchange.close())
  const adapter = clusterAdapter({
    serialization: 'advanced',
    send: (message) => exchange.pass(self, message),
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    unreadable: warnOnce(runtime),
  })
  return { adapter, backplane }
}

/** Through Redis, over connections of this worker's own. */
export function throughRedis(plan: WorkerRedisPlan, runtime: Runtime): AdapterSetup {
  const { adapter: choice, redis, reason } = plan
  requireRedis('a Redis backplane')
  const { id } = workerSetup() ?? {}
  const isSharded = choice === 'redis-sharded'
  const clients = new AdapterClients(redis, isSharded, {
    up: () => runtime.logger.info('redis.up', { worker: id }),
    down: (why) => runtime.logger.warn('redis.down', { worker: id, reason: why }),
    refused: (command, why) => runtime.logger.error('redis.refused', { worker: id, command, reason: why }),
  })
  runtime.once('leave', () => clients.close())
  const adapter = adapterOf(plan, clients, onServerGone)
  const backplane: Backplane = {
    kind: 'redis',
    adapter: choice,
    reason,
    get connected() {
      return clients.isUp
    },
    get lost() {
      return clients.lost
    },
    close: async () => clients.close(),
  }
  return { adapter, backplane }
}

function adapterOf(
  { adapter, channelPrefix, history }: WorkerRedisPlan,
  clients: AdapterClients,
  gone: OnServerGone,
): AdapterFactory {
  switch (adapter) {
    case 'redis':
      return redisAdapter(clients, channelPrefix, false, gone)
    case 'redis-sharded':
      return redisAdapter(clients, channelPrefix, true, gone)
    case 'redis-streams':
      return streamsAdapter(clients, channelPrefix, history, gone)
    default:
      return adapter satisfies never
  }
}

/** What the primary tells: the channel has one handler per message, and an application several namespaces and servers. */
const news = new EventEmitter<{ 'bridge-state': [BridgeState]; 'server-gone': [] }>().setMaxListeners(0)
let isListening = false

type BridgeState = Extract<ToWorker, { type: 'bridge-state' }>

function newsOfPrimary(): typeof news {
  if (isListening || workerSetup() === undefined) return news
  isListening = true
  primaryChannel().on('bridge-state', (message) => news.emit('bridge-state', message))
  primaryChannel().on('server-gone', () => news.emit('server-gone'))
  return news
}

const onServerGone: OnServerGone = (listener) => {
  newsOfPrimary().on('server-gone', listener)
  return () => news.off('server-gone', listener)
}

export function fixed(kind: 'ipc' | 'none', reason: string): Backplane {
  return { kind, adapter: kind, reason, connected: true, lost: 0, close: async () => {} }
}

/** The state of the primary's bridge, as of its last message. */
function bridged(reason: string) {
  let state = { connected: false, lost: 0 }
  return {
    kind: 'redis' as const,
    adapter: 'bridge' as const,
    reason,
    get connected() {
      return state.connected
    },
    get lost() {
      return state.lost
    },
    told({ connected, lost }: { connected: boolean; lost: number }): void {
      state = { connected, lost }
    },
    close: async () => {},
  }
}

function lineToPrimary(runtime: Runtime): Line {
  return {
    serialization: workerSetup()?.serialization ?? 'json',
    send: (message) => sendToPrimary({ type: 'adapter-message', message }),
    listen: listenToPrimary,
    unreadable: warnOnce(runtime),
  }
}

type AdapterListener = (message: { nsp: string }) => void

/** Those of all namespaces of this process. */
const adapterListeners = new Set<AdapterListener>()

function listenToPrimary(listener: AdapterListener): () => void {
  if (adapterListeners.size === 0) stopListening = primaryChannel().on('adapter-message', deliver)
  adapterListeners.add(listener)
  return () => {
    adapterListeners.delete(listener)
    if (adapterListeners.size === 0) stopListening?.()
  }
}

let stopListening: (() => void) | undefined

function deliver({ message }: { message: object }): void {
  for (const listener of adapterListeners) listener(message as { nsp: string })
}

let wasUnreadable = false

/** One log line per process, for the first message that cannot be read. */
function warnOnce(runtime: Pick<Runtime, 'logger'>): Line['unreadable'] {
  return (error) => {
    if (!wasUnreadable) runtime.logger.warn('broadcast.unreadable', { reason: describe(error) })
    wasUnreadable = true
  }
}

function bridgeRequest({ redis, channelPrefix }: RedisAdapterPlan): BridgeRequest {
  return { type: 'open-bridge', redis: packTarget(redis), channelPrefix, program: ownProgram() }
}
