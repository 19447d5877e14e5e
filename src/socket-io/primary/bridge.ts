// From this host's primary to those of other hosts: one publisher and one subscriber at Redis for all workers of the
// host.
//
// Every bridge subscribes to two channels: the common one, and its own for answers and for the question whether it is
// still connected. What comes in goes to the workers of this host and never out again, so there are no loops. What goes
// out keeps its order: it is written to one connection and read from one, and on a Cluster both channels are in one
// slot.
import { hostname } from 'node:os'
import { EndOfTurn } from '../../async/end-of-turn.ts'
import { RedisConnections } from '../../redis/connections.ts'
import { sourceOf, type RedisTarget } from '../../redis/target.ts'
import { realWorld } from '../../world.ts'
import { REDIS_LIMITS } from '../adapter-clients.ts'
import { sizeOf, type AdapterMessage } from '../adapter-message.ts'
import { decodeFrame, encodeFrame, type Content } from './bridge-frame.ts'
import { Hosts, type HostsEvents } from './bridge-hosts.ts'

export interface BridgeEvents extends HostsEvents {
  /** @returns uid and namespace of every node of this host */
  nodes(): [uid: string, nsp: string][]
  up(): void
  down(reason: string): void
  refused(command: string, reason: string): void
  /** Bytes that are no frame of this version have arrived; one event only. */
  unreadable(): void
  /** Some more messages are lost. */
  lost(): void
}

export interface BridgeStatus {
  /** Whether broadcasts reach other hosts now. */
  connected: boolean
  /** Other hosts that the bridge knows. */
  hosts: number
  /** Messages that went to other hosts. */
  sent: number
  /** Messages that came from other hosts. */
  received: number
  /** Messages for other hosts that Redis did not get. */
  lost: number
}

/** Messages for a channel, and their approximate size in bytes. */
interface Batch {
  messages: AdapterMessage[]
  bytes: number
}

/** Bytes after which a batch does not wait for the end of the turn. */
const FULL_BATCH = 256 * 1024

/** Bytes on their way to Redis; messages beyond that are lost, so that a slow Redis does not fill the memory. */
const MAX_IN_FLIGHT = 32 * 1024 * 1024

export class Bridge {
  readonly #id = realWorld.randomBytes(9).toString('base64url')
  readonly #name = `${hostname()}:${process.pid}`
  readonly #events: BridgeEvents
  readonly #maxInFlight: number
  readonly #connections: RedisConnections
  readonly #common: string
  readonly #hosts: Hosts
  /** By channel: messages of this turn, which travel together. */
  readonly #batches = new Map<string, Batch>()
  readonly #endOfTurn = new EndOfTurn(() => this.#flush())
  readonly #status = { connected: false, sent: 0, received: 0, lost: 0 }
  /** Whether Redis has refused a subscription since the connections were made. */
  #isRefused = false
  #isProbing = false
  #wasUnreadable = false

  /** @throws StickyError HOLDFAST_MISSING_PACKAGE */
  constructor(redis: RedisTarget, channelPrefix: string, events: BridgeEvents, maxInFlight = MAX_IN_FLIGHT) {
    this.#events = events
    this.#maxInFlight = maxInFlight
    this.#common = `{${channelPrefix}-bridge}`
    this.#hosts = new Hosts(events)
    const source = sourceOf(redis)
    // On a Cluster only sharded channels of one slot keep an order between them.
    const settings = { ...REDIS_LIMITS, sharded: source.cluster !== undefined }
    this.#connections = new RedisConnections(source, settings, {
      up: () => this.#up(),
      down: (reason) => this.#down(reason),
      refused: (command, reason) => this.#refused(command, reason),
      message: (bytes) => this.#receive(bytes),
    })
    for (const channel of [this.#common, this.#channelOf(this.#id)]) this.#connections.subscribe(channel)
  }

  get status(): BridgeStatus {
    return { ...this.#status, hosts: this.#hosts.ids.length }
  }

  /** Sends a message of a node of this host to the other hosts, or an answer to the host that asked. */
  send(message: AdapterMessage): void {
    const { requesterUid } = message
    if (!this.#status.connected) return this.#countLost([message])
    if (requesterUid === undefined) return this.#add(this.#common, message)
    const host = this.#hosts.of(requesterUid)
    if (host !== undefined) this.#add(this.#channelOf(host), message)
  }

  /** Tells the other hosts that this one leaves, and closes the connections. */
  async close(): Promise<void> {
    this.#flush()
    if (this.#status.connected) await this.#attempt(this.#common, { kind: 'bye' })
    this.#status.connected = false
    this.#connections.close()
  }

  #up(): void {
    // Without its subscriptions this bridge would get no answers.
    if (this.#isRefused) return
    this.#status.connected = true
    this.#events.up()
    void this.#publish(this.#common, { kind: 'hello', nodes: this.#events.nodes() })
  }

  /** Redis is away, and with it the other hosts. */
  #down(reason: string): void {
    this.#isRefused = false
    this.#status.connected = false
    this.#hosts.clear()
    this.#events.down(reason)
  }

  #refused(command: string, reason: string): void {
    if (!this.#isRefused) this.#events.refused(command, reason)
    this.#isRefused = true
  }

  #receive(bytes: Buffer): void {
    if (!this.#status.connected) return
    const frame = decodeFrame(bytes)
    if (frame === undefined) {
      if (!this.#wasUnreadable) this.#events.unreadable()
      this.#wasUnreadable = true
      return
    }
    const { from, name } = frame
    if (from === this.#id) return
    if (frame.kind === 'messages') {
      this.#status.received += frame.messages.length
      this.#hosts.receive(from, name, frame.messages)
    }
    if (frame.kind === 'hello' || frame.kind === 'here') this.#hosts.update(from, name, frame.nodes)
    if (frame.kind === 'hello') void this.#publish(this.#channelOf(from), { kind: 'here', nodes: this.#events.nodes() })
    if (frame.kind === 'bye') this.#hosts.leave(from, 'it said goodbye')
  }

  #add(channel: string, message: AdapterMessage): void {
    const batch = this.#batches.get(channel) ?? { messages: [], bytes: 0 }
    this.#batches.set(channel, batch)
    batch.messages.push(message)
    batch.bytes += sizeOf(message)
    if (batch.bytes > FULL_BATCH) this.#flush()
    else this.#endOfTurn.schedule()
  }

  #flush(): void {
    this.#endOfTurn.cancel()
    const batches = [...this.#batches]
    this.#batches.clear()
    for (const [channel, batch] of batches) void this.#sendBatch(channel, batch)
  }

  async #sendBatch(channel: string, { messages, bytes }: Batch): Promise<void> {
    const hasRoom = this.#connections.unanswered + bytes <= this.#maxInFlight
    if (hasRoom && (await this.#publish(channel, { kind: 'messages', messages }))) this.#status.sent += messages.length
    else this.#countLost(messages)
  }

  /**
   * Publishes, and compares the number of subscribers that Redis reports with the number of known hosts: when one is
   * missing, its nodes must not be waited for.
   *
   * @returns whether Redis got it
   */
  async #publish(channel: string, content: Content): Promise<boolean> {
    const subscribers = await this.#attempt(channel, content)
    const isCommon = channel === this.#common
    if (isCommon && subscribers !== undefined && subscribers < this.#hosts.ids.length + 1) void this.#probeHosts()
    return subscribers !== undefined
  }

  /** Removes each host that is no longer subscribed to its own channel. */
  async #probeHosts(): Promise<void> {
    if (this.#isProbing) return
    this.#isProbing = true
    for (const id of this.#hosts.ids) {
      const subscribers = await this.#attempt(this.#channelOf(id), { kind: 'ping' })
      if (subscribers === 0) this.#hosts.leave(id, 'its connection to Redis is gone')
    }
    this.#isProbing = false
  }

  /** @returns the number of subscribers that got it; undefined when Redis is away or refuses, and so did not get it */
  async #attempt(channel: string, content: Content): Promise<number | undefined> {
    const frame = encodeFrame({ from: this.#id, name: this.#name, ...content })
    try {
      return await this.#connections.publish(channel, frame)
    } catch {
      return undefined // the 'down' event tells of it
    }
  }

  /** Heartbeats and the like are not counted. */
  #countLost(messages: readonly AdapterMessage[]): void {
    const lost = messages.filter(({ packed }) => packed !== undefined).length
    this.#status.lost += lost
    if (lost > 0) this.#events.lost()
  }

  #channelOf(id: string): string {
    return `${this.#common}#${id}`
  }
}
