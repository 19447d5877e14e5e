// Connections to Redis that count as one: up when all are connected and Redis has answered every subscribe() of this
// class, with a confirmation or a refusal. For the bus, Socket.IO's adapters and the bridge.
import { deferred } from '../async/deferred.ts'
import { codeOf, describe } from '../errors.ts'
import {
  connectToNodes,
  isReady,
  isRefusal,
  isSilence,
  nodesOf,
  openClient,
  type ClientSettings,
  type RedisClient,
  type RedisSource,
  type WhileAway,
} from './client.ts'

export interface RedisConnectionsEvents {
  /** @param isBack - whether the connections were down before */
  up(isBack: boolean): void
  /**
   * One event per loss, and one when a first attempt has failed, so that a wrong URL shows in the log.
   *
   * @param reason - the text of the last error
   */
  down(reason: string): void
  /** Redis is reachable and refuses a subscription: it is too old for it, or the user lacks the permission. */
  refused?(command: string, reason: string): void
  /** A message on a channel of subscribe(). */
  message?(payload: Buffer): void
}

export interface RedisConnectionsSettings extends Omit<ClientSettings, 'whileAway'> {
  /**
   * Other packages send commands over `publisher` and subscribe over `subscriber`, at any time. The publisher fails at
   * once while Redis is away; the subscriber waits, and subscribes again by itself. Without this, publish() and
   * subscribe() of this class do both, and nothing waits inside of the clients.
   */
  readonly direct?: boolean
}

export class RedisConnections {
  readonly publisher: RedisClient
  readonly subscriber: RedisClient
  readonly #source: RedisSource
  readonly #settings: RedisConnectionsSettings
  readonly #events: RedisConnectionsEvents
  readonly #clients = new Set<RedisClient>()
  /** Channels of subscribe(). */
  readonly #channels = new Set<string>()
  /** Subscriptions, and ends of them, that Redis has not confirmed. */
  readonly #unconfirmed = new Set<Promise<unknown>>()
  /** Clients that reconnect because another client got no answer. */
  readonly #reconnecting = new Set<RedisClient>()
  #state: 'connecting' | 'up' | 'down' | 'closed' = 'connecting'
  #reason = 'not connected yet'
  /** Resolved while the connections are up, and once they are closed. */
  #reachable = deferred()
  #unanswered = 0
  /** On a Cluster, the node that gets this process' publishes. */
  #node: RedisClient | undefined

  /** @throws StickyError HOLDFAST_MISSING_PACKAGE @throws Error of ioredis for an option with a wrong value */
  constructor(source: RedisSource, settings: RedisConnectionsSettings, events: RedisConnectionsEvents) {
    this.#source = source
    this.#settings = settings
    this.#events = events
    const { direct = false, sharded } = settings
    this.publisher = this.#open(direct ? 'fail' : 'gated')
    // A Cluster keeps its subscriptions apart from its commands.
    const isShared = this.publisher.isCluster && !direct
    this.subscriber = isShared ? this.publisher : this.#open(direct ? 'wait' : 'gated')
    if (events.message === undefined) return
    const event = sharded ? 'smessageBuffer' : 'messageBuffer'
    this.subscriber.on(event, (_: Buffer, payload: Buffer) => events.message?.(payload))
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /**
   * Whether the connections were lost, could not be made at all, or are closed. False until a first attempt has ended.
   */
  get isDown(): boolean {
    return this.#state === 'down' || this.#state === 'closed'
  }

  /**
   * Whether a command that is sent now can arrive: the loss of one connection may show before the loss of the other.
   */
  get isWritable(): boolean {
    return this.isUp && this.publisher.status === 'ready'
  }

  /** Bytes of publishes that Redis has not answered yet. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** @returns the number of subscribers that Redis sent the message to @throws Error when Redis is away or refuses */
  async publish(channel: string, payload: Buffer): Promise<number> {
    this.#unanswered += payload.length
    try {
      if (this.#settings.sharded) return Number(await this.publisher.spublish(channel, payload))
      return await this.#publishingNode().publish(channel, payload)
    } finally {
      this.#unanswered -= payload.length
    }
  }

  /** Subscribes now or when the connections are up, and again after each loss. */
  subscribe(channel: string): void {
    this.#channels.add(channel)
    if (isReady(this.subscriber)) void this.#confirm('subscribe', channel)
  }

  unsubscribe(channel: string): void {
    this.#channels.delete(channel)
    if (isReady(this.subscriber)) void this.#confirm('unsubscribe', channel)
  }

  /** Resolves when all subscriptions so far are in effect; at once when the connections are closed. */
  async ready(): Promise<void> {
    do {
      await this.#reachable.promise
      await Promise.all(this.#unconfirmed)
    } while (this.#state !== 'up' && this.#state !== 'closed')
  }

  /** @returns the number of subscribers to the channel, on all nodes @throws Error when Redis is away or refuses */
  async subscribers(channel: string): Promise<number> {
    const counts = await Promise.all(nodesOf(this.publisher, 'all').map((node) => node.pubsub('NUMSUB', channel)))
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }

  /** Opens one more client that waits for Redis, as the subscriber of direct connections does. */
  openSubscriber(): RedisClient {
    return this.#open('wait')
  }

  close(): void {
    this.#state = 'closed'
    for (const client of this.#clients) client.disconnect()
    this.#reachable.resolve()
  }

  #open(whileAway: WhileAway): RedisClient {
    const client = openClient(this.#source, { ...this.#settings, whileAway })
    client.on('error', (error: Error) => this.#failed(client, error))
    client.on('node error', (error: Error) => isSilence(error) && this.#reconnectOthers(client))
    client.on('ready', () => void this.#check())
    client.on('close', () => this.#lost())
    client.on('end', () => this.#lost())
    if (client.isCluster && whileAway === 'fail') connectToNodes(client, () => void this.#check())
    this.#clients.add(client)
    return client
  }

  /** Goes up once all clients are ready and all subscriptions are confirmed. */
  async #check(): Promise<void> {
    if (!this.#isComplete()) return
    for (const channel of this.#channels) void this.#confirm('subscribe', channel)
    await Promise.all(this.#unconfirmed)
    if (!this.#isComplete()) return
    const isBack = this.#state === 'down'
    this.#state = 'up'
    this.#reason = 'it closed the connection'
    this.#events.up(isBack)
    this.#reachable.resolve()
  }

  /** Whether the connections are not up yet, and nothing but subscriptions is missing. */
  #isComplete(): boolean {
    const isOpening = this.#state === 'connecting' || this.#state === 'down'
    return isOpening && this.#reconnecting.size === 0 && [...this.#clients].every(isReady)
  }

  #lost(): void {
    if (this.isDown) return
    if (this.#state === 'up') this.#reachable = deferred()
    this.#state = 'down'
    this.#events.down(this.#reason)
  }

  #failed(client: RedisClient, error: Error & { lastNodeError?: Error }): void {
    // A Cluster's own error only says that all of its nodes failed.
    const { lastNodeError: cause = error } = error
    this.#reason = describe(cause) || codeOf(cause) || this.#reason
    if (isSilence(cause)) this.#reconnectOthers(client)
  }

  /**
   * Replaces the other connections when one has had no answer for too long. They may be as dead, and a connection that
   * only receives messages never notices, because it waits for no answer.
   */
  #reconnectOthers(silent: RedisClient): void {
    for (const client of this.#clients) {
      // A Cluster replaces the connection to the silent node itself, and not the one that has its subscriptions.
      const closesItself = client === silent && !(client.isCluster && client === this.subscriber)
      if (closesItself || !['connect', 'ready'].includes(client.status)) continue
      this.#reconnecting.add(client)
      client.once('close', () => this.#reconnecting.delete(client))
      client.disconnect(true)
    }
  }

  /** A subscription that fails is repeated when the connections are back, unless Redis has refused it. */
  async #confirm(action: 'subscribe' | 'unsubscribe', channel: string): Promise<void> {
    const command = this.#settings.sharded ? (`s${action}` as const) : action
    const confirmed = this.subscriber[command](channel).catch((error: unknown) => {
      if (isRefusal(error)) this.#events.refused?.(command, describe(error))
    })
    this.#unconfirmed.add(confirmed)
    await confirmed
    this.#unconfirmed.delete(confirmed)
  }

  /**
   * On a Cluster always the same node, while it is there: the nodes pass messages on to each other, each in its own
   * order, so that publishes over different nodes could overtake each other.
   */
  #publishingNode(): RedisClient {
    if (!this.publisher.isCluster) return this.publisher
    const masters = nodesOf(this.publisher, 'master')
    if (this.#node === undefined || !masters.includes(this.#node)) this.#node = masters[0]
    return this.#node ?? this.publisher
  }
}
