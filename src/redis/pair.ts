// A publisher and a subscriber at Redis as one thing that is up or down, for Socket.IO's adapters and the bridge.
import { codeOf, describe } from '../errors.ts'
import {
  connectToNodes,
  isReady,
  isSilence,
  nodesOf,
  openClient,
  requireRedis,
  type Offline,
  type RedisNode,
} from './client.ts'
import type { RedisTarget } from './target.ts'

/** Says once per change whether Redis can be reached. */
export interface RedisWatch {
  up(): void
  /** @param reason - the last error's words */
  down(reason: string): void
  /** Redis is there and does not do what it was asked: it is too old, or this user may not. */
  refused?(command: string, reason: string): void
}

/** A publisher and a subscriber that survive Redis going away. */
export interface RedisPair {
  readonly publisher: RedisNode
  readonly subscriber: RedisNode
  readonly connected: boolean
  /** Publishes that Redis did not get, because it was away. */
  readonly lost: number
  /** One more connection that waits for Redis as the subscriber does, counted in `connected`. */
  another(): RedisNode
  /** Counts one that was published in another way than by publish(). */
  lose(): void
  /** How many subscribe to the channel now. */
  listeners(channel: string): Promise<number>
  close(): Promise<void>
}

/**
 * @param sharded - with a Cluster: the subscriber gets what is published to one shard
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function redisPair(target: RedisTarget, watch: RedisWatch, { sharded = false } = {}): RedisPair {
  const { ReplyError } = requireRedis('a Redis backplane')
  const clients: RedisNode[] = []
  let lost = 0
  let up: boolean | undefined
  let reason = 'not connected yet'
  /** Connections that are being given up. */
  const ending = new Set<RedisNode>()

  const ready = (): void => {
    if (up === true || ending.size > 0 || !clients.every(isReady)) return
    up = true
    reason = 'it closed the connection'
    watch.up()
  }
  // Also after the very first attempt failed: somebody who mistyped the URL wants to read it.
  const closed = (): void => {
    if (up === false) return
    up = false
    watch.down(reason)
  }
  /**
   * The publisher had no answer. A connection that only listens may be as dead, and would never notice: what does not come
   * is no silence.
   */
  const connectAgain = (): void => {
    for (const client of clients) {
      if (!client.options.enableOfflineQueue || !['connect', 'ready'].includes(client.status)) continue
      ending.add(client)
      client.once('close', () => ending.delete(client))
      client.disconnect(true)
    }
  }
  const failed = (error: Error & { lastNodeError?: Error }): void => {
    // A Cluster's own words are that all of its nodes failed.
    const { lastNodeError: said = error } = error
    reason = describe(said) || codeOf(said) || reason
    if (isSilence(said)) connectAgain()
  }
  const connect = (offline: Offline): RedisNode => {
    const client = openClient(target, offline, sharded)
    client.on('error', failed)
    client.on('node error', (error: Error) => isSilence(error) && connectAgain())
    client.on('ready', ready)
    client.on('close', closed)
    if (client.isCluster && !offline.enableOfflineQueue) connectToNodes(client, ready)
    clients.push(client)
    return client
  }
  const refused = (command: string, error: unknown): void => {
    if (error instanceof ReplyError) watch.refused?.(command, describe(error))
  }
  /** It waits for as long as it takes, and subscribes again by itself. */
  const patient = (): RedisNode => {
    const client = connect({ enableOfflineQueue: true, maxRetriesPerRequest: null })
    // An adapter does not look at what these return, and they fail when the worker leaves before Redis has answered.
    replace(
      client,
      ['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe'],
      (send, name) => {
        const sent = send()
        sent.catch((error: unknown) => refused(name, error))
        return sent
      },
    )
    return client
  }

  // While Redis is away a publish fails at once (and is counted) instead of piling up in memory; the adapter does not
  // look at what publish() returns, and an unhandled rejection would end the worker.
  const publisher = connect({ enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  const inOrder = oneAfterTheOther()
  replace(publisher, ['publish', 'spublish'], (send, name) =>
    inOrder(send()).catch((error: unknown) => {
      lost++
      refused(name, error)
      return 0
    }),
  )
  const subscriber = patient()
  return {
    publisher,
    subscriber,
    another: patient,
    lose: () => void lost++,
    async listeners(channel) {
      const counts = await Promise.all(nodesOf(publisher, 'all').map((node) => node.pubsub('NUMSUB', channel)))
      return counts.reduce((sum, [, count]) => sum + Number(count), 0)
    },
    get connected() {
      return up === true
    },
    get lost() {
      return lost
    },
    async close() {
      up = false
      for (const client of clients) {
        client.off('close', closed)
        client.disconnect()
      }
    },
  }
}

/** Puts something around commands of a client, by their names. */
export function replace(
  client: RedisNode,
  names: readonly string[],
  command: (send: () => Promise<unknown>, name: string) => Promise<unknown>,
): void {
  for (const name of names) {
    const own = Reflect.get(client, name) as (...args: unknown[]) => Promise<unknown>
    Object.assign(client, { [name]: (...args: unknown[]) => command(() => own.apply(client, args), name) })
  }
}

/**
 * When a connection breaks, what is sent then fails sooner than what was on its way; and an adapter may tell its own
 * clients when it has an answer from Redis.
 *
 * @returns makes a promise wait for those before it
 */
export function oneAfterTheOther(): <T>(sent: Promise<T>) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve()
  return (sent) => {
    const result = before.then(() => sent)
    before = result.catch(() => {})
    // It waits for its turn, and nobody looks at it until then.
    sent.catch(() => {})
    return result
  }
}
