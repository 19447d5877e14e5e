// Where messages meet listeners in one process. How they get to other processes is the carrier's business.
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { Runtime } from '../runtime.ts'
import type { BusKind, BusListener, BusMessage, BusStatus } from './bus.ts'
import { encodeRecord, isMessage, type FrameRecord } from './frames.ts'
import { unpack, type Packed } from './messages.ts'

/** How messages get to the other processes. */
export interface Carrier {
  readonly kind: BusKind
  readonly connected: boolean
  /** Messages that wait here, and those that will never go. */
  readonly waiting: Pick<BusStatus, 'buffered' | 'bufferedBytes' | 'lost' | 'missed'>
  /** Takes a message for the others; it goes out with the next `flush()`. */
  send(record: Buffer): void
  /** The turn is over: sends what it can, and takes of `adds` what it can. */
  flush(): void
  /** The first listener to the channel has come. */
  subscribe(channel: string): void
  /** The last one has gone. */
  unsubscribe(channel: string): void
  /** See Bus. */
  ready(): Promise<void>
  /** The total, after all that is in `adds` now. */
  read(counter: string): Promise<number>
  /** A bus was closed. Resolves when nothing waits to be sent, or what waits never will be. */
  leave(): Promise<void>
}

/** What a hub needs of the process that it is in. */
export type HubRuntime = Pick<Runtime, 'logger' | 'isDraining'>

/** What a carrier takes from the hub, and what it tells the hub. */
export interface CarrierEvents {
  readonly runtime: HubRuntime
  /** By counter: what is to be added and was not taken yet. */
  readonly adds: Map<string, number>
  /** A message of somebody else's. */
  message(record: FrameRecord): void
  /** The total of a counter. */
  value(counter: string, total: number): void
  /** Whom to serve again after a break. */
  channels(): Iterable<string>
}

/** One bus of this process, as the hub sees it. */
export interface Member {
  delivered: number
}

interface Subscription {
  readonly member: Member
  readonly listener: BusListener
}

interface Local extends Packed {
  readonly channel: string
}

export class Hub {
  readonly carrier: Carrier
  readonly totals = new Map<string, number>()
  readonly #runtime: HubRuntime
  readonly #subscriptions = new Map<string, Set<Subscription>>()
  readonly #adds = new Map<string, number>()
  #local: Local[] = []
  readonly #endOfTurn = new EndOfTurn(() => this.#flush())

  constructor(runtime: HubRuntime, carry: (events: CarrierEvents) => Carrier) {
    this.#runtime = runtime
    this.carrier = carry({
      runtime,
      adds: this.#adds,
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
    // Delivered at the end of the turn as well: a listener that publishes would otherwise be heard before what it heard.
    if (this.#subscriptions.has(channel)) this.#local.push({ channel, ...packed })
    if (this.carrier.kind !== 'local') this.carrier.send(encodeRecord(packed.op, channel, packed.body))
    this.#endOfTurn.schedule()
  }

  subscribe(member: Member, channel: string, listener: BusListener): () => void {
    const subscription = { member, listener }
    const others = this.#subscriptions.get(channel)
    if (others === undefined) {
      this.#subscriptions.set(channel, new Set([subscription]))
      this.carrier.subscribe(channel)
      this.#endOfTurn.schedule()
    } else others.add(subscription)
    return () => {
      const left = this.#subscriptions.get(channel)
      if (left?.delete(subscription) !== true || left.size > 0) return
      this.#subscriptions.delete(channel)
      this.carrier.unsubscribe(channel)
      this.#endOfTurn.schedule()
    }
  }

  add(counter: string, n: number): void {
    this.#adds.set(counter, (this.#adds.get(counter) ?? 0) + n)
    this.#endOfTurn.schedule()
  }

  async read(counter: string): Promise<number> {
    const asked = this.carrier.read(counter)
    this.#endOfTurn.schedule()
    const total = await asked
    this.totals.set(counter, total)
    return total
  }

  async ready(): Promise<void> {
    const asked = this.carrier.ready()
    this.#endOfTurn.schedule()
    await asked
  }

  /** Ends this turn's sending now, because there may be no other; see Carrier.leave. */
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
    // A copy: a listener may end its own subscription, or start one, which is for the messages after this one.
    for (const subscription of Array.from(subscriptions)) {
      if (!subscriptions.has(subscription)) continue
      subscription.member.delivered++
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
