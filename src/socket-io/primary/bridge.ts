// From this host's primary to those of other hosts: one publisher and one subscriber at Redis for all workers here.
//
// Every bridge listens to two channels: the common one, and its own for answers and for the question whether it is still
// there. What comes in goes to the workers here and never out again, so there are no loops. What goes out keeps its order:
// it is written to one connection and read from one, and on a Cluster the channels are in one slot.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { AdapterMessage } from '../adapter-message.ts'
import { decodeFrame, encodeFrame, type Content } from './bridge-frame.ts'
import { Hosts, type HostsEvents } from './bridge-hosts.ts'
import { Batches, type Batch } from '../batches.ts'
import type { RedisTarget } from '../../redis/target.ts'
import { redisPair, type RedisPair } from '../../redis/pair.ts'

export interface BridgeEvents extends HostsEvents {
  /** Uid and namespace of every node here. */
  nodes(): [uid: string, nsp: string][]
  up(): void
  down(reason: string): void
  refused(command: string, reason: string): void
  /** Bytes that are no frame of this version; said once. */
  unreadable(): void
  /** Some more messages are lost. */
  lost(): void
}

export interface BridgeStatus {
  /** Whether broadcasts reach other hosts now. */
  connected: boolean
  /** Hosts that are known besides this one. */
  hosts: number
  /** Messages that went to other hosts, and that came from them. */
  sent: number
  received: number
  /** Messages for other hosts that Redis did not get. */
  lost: number
}

/** Bytes on their way to Redis; what comes on top is lost, so that a slow Redis does not fill the memory. */
const MAX_IN_FLIGHT = 32 * 1024 * 1024

export class Bridge {
  readonly #id = randomBytes(9).toString('base64url')
  readonly #name = `${hostname()}:${process.pid}`
  readonly #events: BridgeEvents
  readonly #maxInFlight: number
  /** On a Cluster only a slot has an order, ordinary channels have none. */
  readonly #sharded: boolean
  readonly #pair: RedisPair
  readonly #common: string
  readonly #hosts: Hosts
  readonly #batches = new Batches((channel, batch) => void this.#ship(channel, batch))
  readonly #status = { connected: false, sent: 0, received: 0, lost: 0 }
  /** Counts the times that Redis came and went: what was asked in a former one means nothing. */
  #era = 0
  #inFlight = 0
  #isCounting = false
  #wasUnreadable = false

  /** @throws StickyError HOLDFAST_MISSING_PACKAGE */
  constructor(redis: RedisTarget, channelPrefix: string, events: BridgeEvents, maxInFlight = MAX_IN_FLIGHT) {
    this.#events = events
    this.#maxInFlight = maxInFlight
    this.#common = `{${channelPrefix}-bridge}`
    this.#hosts = new Hosts(events)
    this.#sharded = typeof redis === 'object' && redis.cluster !== undefined
    const watch = {
      up: () => void this.#join(),
      down: (reason: string) => this.#part(reason),
      refused: (command: string, reason: string) => events.refused(command, reason),
    }
    this.#pair = redisPair(redis, watch, { sharded: this.#sharded })
    const listen = (_: Buffer, bytes: Buffer): void => this.#receive(bytes)
    this.#pair.subscriber.on(this.#sharded ? 'smessageBuffer' : 'messageBuffer', listen)
  }

  get status(): BridgeStatus {
    return { ...this.#status, hosts: this.#hosts.ids.length }
  }

  /** Sends what a node here says to the other hosts, or an answer to the one that asked. */
  send(message: AdapterMessage): void {
    const { requesterUid } = message
    if (!this.#status.connected) return this.#lose([message])
    if (requesterUid === undefined) return this.#batches.add(this.#common, message)
    const host = this.#hosts.of(requesterUid)
    if (host !== undefined) this.#batches.add(this.#own(host), message)
  }

  /** Says goodbye and lets go of Redis. */
  async close(): Promise<void> {
    this.#batches.flush()
    if (this.#status.connected) await this.#publish(this.#common, { kind: 'bye' })
    this.#status.connected = false
    await this.#pair.close()
  }

  /** Redis is there. Nobody may answer before the subscription stands. */
  async #join(): Promise<void> {
    const era = ++this.#era
    const { subscriber } = this.#pair
    const channels = [this.#common, this.#own(this.#id)]
    try {
      await (this.#sharded ? subscriber.ssubscribe(...channels) : subscriber.subscribe(...channels))
    } catch {
      return // refused() was told, or Redis is gone again
    }
    if (era !== this.#era) return
    this.#status.connected = true
    this.#events.up()
    await this.#tell(this.#common, { kind: 'hello', nodes: this.#events.nodes() })
  }

  /** Redis is away, and with it the other hosts. */
  #part(reason: string): void {
    this.#era++
    this.#status.connected = false
    this.#hosts.clear()
    this.#events.down(reason)
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
      this.#hosts.heard(from, name, frame.messages)
    }
    if (frame.kind === 'hello' || frame.kind === 'here') this.#hosts.meet(from, name, frame.nodes)
    if (frame.kind === 'hello') void this.#tell(this.#own(from), { kind: 'here', nodes: this.#events.nodes() })
    if (frame.kind === 'bye') this.#hosts.leave(from, 'it said goodbye')
  }

  async #ship(channel: string, { messages, bytes }: Batch): Promise<void> {
    if (this.#inFlight + bytes > this.#maxInFlight) return this.#lose(messages)
    this.#inFlight += bytes
    const arrived = await this.#tell(channel, { kind: 'messages', messages })
    this.#inFlight -= bytes
    if (arrived) this.#status.sent += messages.length
    else this.#lose(messages)
  }

  /**
   * Redis tells how many got it. If somebody did not, they are gone, and nobody is to wait for them.
   *
   * @returns whether Redis got it
   */
  async #tell(channel: string, content: Content): Promise<boolean> {
    const got = await this.#publish(channel, content)
    if (channel === this.#common && got !== undefined && got < this.#hosts.ids.length + 1) void this.#count()
    return got !== undefined
  }

  /** Who is still there? */
  async #count(): Promise<void> {
    if (this.#isCounting) return
    this.#isCounting = true
    for (const id of this.#hosts.ids) {
      const got = await this.#publish(this.#own(id), { kind: 'ping' })
      if (got === 0) this.#hosts.leave(id, 'its connection to Redis is gone')
    }
    this.#isCounting = false
  }

  /** @returns how many got it; undefined if Redis did not */
  async #publish(channel: string, content: Content): Promise<number | undefined> {
    const frame = encodeFrame({ from: this.#id, name: this.#name, ...content })
    try {
      // The pair's publish() does not tell a failure from nobody.
      return Number(await this.#pair.publisher.call(this.#sharded ? 'SPUBLISH' : 'PUBLISH', channel, frame))
    } catch {
      return undefined // it is away, which was told
    }
  }

  /** Heartbeats and the like do not count. */
  #lose(messages: readonly AdapterMessage[]): void {
    const lost = messages.filter(({ packed }) => packed !== undefined).length
    this.#status.lost += lost
    if (lost > 0) this.#events.lost()
  }

  #own(id: string): string {
    return `${this.#common}#${id}`
  }
}
