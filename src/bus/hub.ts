// Delivers messages to the listeners of one process. A carrier takes them to the other processes.
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { Runtime } from '../runtime.ts'
import type { BusKind, BusListener, BusMessage, BusStatus } from './bus.ts'
import { encodeRecord, isMessage, type FrameRecord } from './frames.ts'
import { unpack, type Packed } from './messages.ts'

/** The way of messages to the other processes and back: through the primary, through Redis, or none. */
export interface Carrier {
  readonly kind: BusKind
  readonly connected: boolean
  /** Messages that wait to leave this process, and messages that were lost. */
  readonly counts: Pick<BusStatus, 'buffered' | 'bufferedBytes' | 'lost' | 'missed'>
  /** Takes a message for the other processes; the next `flush()` sends it. */
  send(record: Buffer): void
  /** Runs at the end of a turn: sends as many messages and additions as possible. */
  flush(): void
  /** The channel has its first listener in this process. */
  subscribe(channel: string): void
  /** The channel has no listener in this process any more. */
  unsubscribe(channel: string): void
  /** As `ready()` of a Bus. */
  ready(): Promise<void>
  /** @returns the total, including all additions so far @throws StickyError HOLDFAST_BUS_AWAY */
  read(counter: string): Promise<number>
  /** Runs when a bus is closed. Resolves when nothing waits to be sent, or when it cannot be sent any more. */
  leave(): Promise<void>
}

/** What a hub needs of the process that it is in. */
export type HubRuntime = Pick<Runtime, 'logger' | 'isDraining'>

/** What a carrier takes from the hub, and what it tells the hub. */
export interface CarrierEvents {
  readonly runtime: HubRuntime
  /** By counter: what the carrier has not taken yet; it removes an entry when it takes it. */
  readonly additions: Map<string, number>
  /** A message of another process has arrived. */
  message(record: FrameRecord): void
  /** The total of a counter has arrived. */
  value(counter: string, total: number): void
  /** @returns the channels that have a listener in this process */
  channels(): Iterable<string>
}

/** Belongs to one bus of this process. */
export interface DeliveryCount {
  /** Calls of the bus's listeners. */
  delivered: number
}

interface Subscription {
  readonly count: DeliveryCount
  readonly listener: BusListener
}

interface LocalMessage extends Packed {
  readonly channel: string
}

export class Hub {
  readonly carrier: Carrier
  /** By counter: the last total that has arrived. */
  readonly totals = new Map<string, number>()
  readonly #runtime: HubRuntime
  readonly #subscriptions = new Map<string, Set<Subscription>>()
  readonly #additions = new Map<string, number>()
  /** Messages of this turn for listeners of this process. */
  #local: LocalMessage[] = []
  readonly #endOfTurn = new EndOfTurn(() => this.#flush())

  constructor(runtime: HubRuntime, openCarrier: (events: CarrierEvents) => Carrier) {
    this.#runtime = runtime
    this.carrier = openCarrier({
      runtime,
      additions: this.#additions,
      message: ({ op, name, body }) => {
        if (isMessage(op)) this.#deliver(name, op, body)
      },
      value: (counter, total) => this.totals.set(counter, total),
      channels: () => this.#subscriptions.keys(),
    })
  }

  get channels(): number {
    return this.#subscriptions.size
  }

  publish(channel: string, packed: Packed): void {
    // Local delivery waits for the end of the turn as well: an answer that a listener publishes must not overtake the
    // message for the listeners after it.
    if (this.#subscriptions.has(channel)) this.#local.push({ channel, ...packed })
    if (this.carrier.kind !== 'local') this.carrier.send(encodeRecord(packed.op, channel, packed.body))
    this.#endOfTurn.schedule()
  }

  /** @param count - of the bus that subscribes @returns ends the subscription */
  subscribe(count: DeliveryCount, channel: string, listener: BusListener): () => void {
    const subscription = { count, listener }
    const others = this.#subscriptions.get(channel)
    if (others === undefined) {
      this.#subscriptions.set(channel, new Set([subscription]))
      this.carrier.subscribe(channel)
      this.#endOfTurn.schedule()
    } else others.add(subscription)
    return () => {
      const remaining = this.#subscriptions.get(channel)
      if (remaining?.delete(subscription) !== true || remaining.size > 0) return
      this.#subscriptions.delete(channel)
      this.carrier.unsubscribe(channel)
      this.#endOfTurn.schedule()
    }
  }

  add(counter: string, n: number): void {
    this.#additions.set(counter, (this.#additions.get(counter) ?? 0) + n)
    this.#endOfTurn.schedule()
  }

  /** @throws StickyError HOLDFAST_BUS_AWAY */
  async read(counter: string): Promise<number> {
    const answer = this.carrier.read(counter)
    this.#endOfTurn.schedule()
    const total = await answer
    this.totals.set(counter, total)
    return total
  }

  async ready(): Promise<void> {
    const ready = this.carrier.ready()
    this.#endOfTurn.schedule()
    await ready
  }

  /** Sends at once, because the process may end with this turn; see Carrier.leave. */
  leave(): Promise<void> {
    this.carrier.flush()
    return this.carrier.leave()
  }

  #flush(): void {
    this.carrier.flush()
    for (const { channel, op, body } of this.#local.splice(0)) this.#deliver(channel, op, body)
  }

  #deliver(channel: string, op: number, body: Buffer | string): void {
    const subscriptions = this.#subscriptions.get(channel)
    if (subscriptions === undefined) return
    const message = this.#readable(op, channel, body)
    if (message === undefined) return
    // A copy: a listener may end a subscription, or start one, which gets the messages after this one.
    for (const subscription of Array.from(subscriptions)) {
      if (!subscriptions.has(subscription)) continue
      subscription.count.delivered++
      this.#call(subscription.listener, message, channel)
    }
  }

  /** An error of the application's listener is logged and ends nothing. */
  #call(listener: BusListener, message: BusMessage, channel: string): void {
    const failed = (error: unknown): void => this.#runtime.logger.error('listener.failed', { event: channel, error })
    try {
      const result: unknown = listener(message, channel)
      if (result instanceof Promise) result.catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  /** A program that is no bus can publish on the same channel of Redis. */
  #readable(op: number, channel: string, body: Buffer | string): BusMessage | undefined {
    try {
      return unpack(op, body)
    } catch (error) {
      this.#runtime.logger.warn('bus.unreadable', { channel, error })
      return undefined
    }
  }
}
