// The bus's connections to Redis as one thing that is up or down. Up: publishing works, and every subscription is in
// effect.
import { codeOf, describe } from '../errors.ts'
import { busClients, type RedisSource } from '../bus/bus-clients.ts'
import type { RedisClient, RedisNode } from './client.ts'
import type { RedisWatch } from './pair.ts'

export interface ConnectionEvents extends Pick<RedisWatch, 'down'> {
  /** @param again - whether it was down before */
  up(again: boolean): void
  message(payload: Buffer): void
  /** What has to be subscribed to when the connection is new. */
  channels(): Iterable<string>
  /** Redis was there and said no. */
  refused(reason: string): void
}

export class RedisConnections {
  readonly #publisher: RedisClient
  readonly #subscriber: RedisClient
  readonly #sharded: boolean
  readonly #events: ConnectionEvents
  /** Subscriptions that Redis has not confirmed. */
  readonly #unconfirmed = new Set<Promise<unknown>>()
  #up: boolean | undefined
  #reason = 'not connected yet'
  /** Until it is up, or closed. */
  #waiting: (() => void)[] = []
  #closed = false
  /** Of a Cluster: publishes of one process must not overtake each other on different nodes. */
  #node: RedisNode | undefined

  constructor(source: RedisSource, sharded: boolean, events: ConnectionEvents) {
    this.#sharded = sharded
    this.#events = events
    const [publisher, subscriber] = busClients(source, sharded)
    this.#publisher = publisher
    this.#subscriber = subscriber
    for (const client of new Set([publisher, subscriber])) {
      client.on('error', (error: Error) => (this.#reason = describe(error) || codeOf(error) || this.#reason))
      client.on('ready', () => void this.#ready())
      client.on('close', () => this.#down())
      client.on('end', () => this.#down())
    }
    subscriber.on(sharded ? 'smessageBuffer' : 'messageBuffer', (_: Buffer, payload: Buffer) => events.message(payload))
  }

  get connected(): boolean {
    return this.#up === true
  }

  /** Whether an attempt to connect has failed since it was up, if it ever was. */
  get isAway(): boolean {
    return this.#up === false
  }

  /** Whether what is sent will arrive. Where one connection has ended the other one has too, and does not know it yet. */
  get writable(): boolean {
    return this.connected && this.#publisher.status === 'ready'
  }

  publish(channel: string, payload: Buffer): Promise<unknown> {
    if (this.#sharded) return this.#publisher.spublish(channel, payload)
    return this.#publishing().publish(channel, payload)
  }

  add(key: string, n: number): Promise<number> {
    return this.#publisher.incrby(key, n)
  }

  async total(key: string): Promise<number> {
    return Number((await this.#publisher.get(key)) ?? 0)
  }

  subscribe(channel: string): void {
    // Otherwise it is among those that are subscribed to when the connection is there.
    if (this.#subscriber.status === 'ready') void this.#confirm(this.#subscribeTo(channel))
  }

  unsubscribe(channel: string): void {
    if (this.#subscriber.status !== 'ready') return
    void this.#confirm(this.#sharded ? this.#subscriber.sunsubscribe(channel) : this.#subscriber.unsubscribe(channel))
  }

  /** Resolves when what was subscribed to so far is in effect; at once when this is closed. */
  async ready(): Promise<void> {
    do {
      if (!this.connected && !this.#closed) await new Promise<void>((done) => this.#waiting.push(done))
      await Promise.all(this.#unconfirmed)
    } while (!this.connected && !this.#closed)
  }

  close(): void {
    this.#closed = true
    this.#up = false
    for (const client of new Set([this.#publisher, this.#subscriber])) client.disconnect()
    this.#wake()
  }

  async #ready(): Promise<void> {
    if (!this.#bothReady()) return
    for (const channel of this.#events.channels()) void this.#confirm(this.#subscribeTo(channel))
    await Promise.all(this.#unconfirmed)
    if (!this.#bothReady() || this.#closed || this.connected) return
    const again = this.#up === false
    this.#up = true
    this.#reason = 'it closed the connection'
    this.#events.up(again)
    this.#wake()
  }

  #bothReady(): boolean {
    return this.#publisher.status === 'ready' && this.#subscriber.status === 'ready'
  }

  /** Also after the very first attempt failed: somebody who mistyped the URL wants to read it. */
  #down(): void {
    if (this.#up === false || this.#closed) return
    this.#up = false
    this.#events.down(this.#reason)
  }

  #subscribeTo(channel: string): Promise<unknown> {
    return this.#sharded ? this.#subscriber.ssubscribe(channel) : this.#subscriber.subscribe(channel)
  }

  /** A failure is made up for when the connection is back, unless it was Redis that said no. */
  async #confirm(asked: Promise<unknown>): Promise<void> {
    const answered = asked.catch((error: unknown) => {
      if (isRefusal(error)) this.#events.refused(describe(error))
    })
    this.#unconfirmed.add(answered)
    await answered
    this.#unconfirmed.delete(answered)
  }

  /** The nodes of a Cluster pass messages on to each other, each in the order in which it got them. */
  #publishing(): RedisClient {
    if (!('nodes' in this.#publisher)) return this.#publisher
    const masters = this.#publisher.nodes('master')
    if (this.#node === undefined || !masters.includes(this.#node)) this.#node = masters[0]
    return this.#node ?? this.#publisher
  }

  #wake(): void {
    for (const done of this.#waiting.splice(0)) done()
  }
}

/** The server's own answer, not the loss of it. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}
