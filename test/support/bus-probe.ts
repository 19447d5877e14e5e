// A bus under test, in any process: it obeys the test, and keeps the messages that it received.
import type { Bus, BusMessage, BusStatus } from '../../src/broadcast.ts'

/** The messages of one publisher on one channel that arrived. */
export interface Received {
  count: number
  last: number
  /** How many numbers are missing; and whether a number came that was not above the one before. */
  missing: number
  disorder: boolean
}

export interface Flood {
  channel: string
  /** Name of the publisher; part of each message. */
  from: string
  count: number
  /** Additional bytes of each message. @default 0 */
  size?: number
  /** Messages published in one turn. @default 100 */
  perTurn?: number
  /** Number of the first message. @default 0 */
  first?: number
  /** Bytes that may wait in the bus' buffer. @default 100000 */
  ahead?: number
}

/** A probe in this process or in another one. */
export type Probe = { [K in keyof BusProbe]: BusProbe[K] }

/** All methods are asynchronous, so that a probe in another process has the same interface. */
export class BusProbe {
  readonly #open: () => Bus
  #bus: Bus
  readonly #kept = new Map<string, BusMessage[]>()
  readonly #received = new Map<string, Map<string, Received>>()
  readonly #ends = new Map<string, () => void>()

  constructor(open: () => Bus) {
    this.#open = open
    this.#bus = open()
  }

  /** Closes the bus, and starts again with a new one. */
  async renew(): Promise<void> {
    await this.#bus.close()
    this.#bus = this.#open()
    for (const memory of [this.#kept, this.#received, this.#ends]) memory.clear()
  }

  /** Keeps the messages of the channel. */
  async listen(channel: string): Promise<void> {
    const kept: BusMessage[] = []
    this.#kept.set(channel, kept)
    this.#ends.set(
      channel,
      this.#bus.subscribe(channel, (message) => void kept.push(message)),
    )
    await this.#bus.ready()
  }

  /** Counts the messages of a flood. */
  async count(channel: string): Promise<void> {
    const received = new Map<string, Received>()
    this.#received.set(channel, received)
    this.#ends.set(
      channel,
      this.#bus.subscribe(channel, (message) => note(received, message)),
    )
    await this.#bus.ready()
  }

  /** Answers each number on a channel with the next one, on the same channel, up to `most`. */
  async echo(channel: string, most: number): Promise<void> {
    this.#bus.subscribe(channel, (message) => {
      if (typeof message === 'number' && message < most) this.#bus.publish(channel, message + 1)
    })
    await this.#bus.ready()
  }

  /** Subscribes with listeners that throw and reject. */
  async fail(channel: string): Promise<void> {
    this.#bus.subscribe(channel, () => {
      throw new Error('asked to fail')
    })
    this.#bus.subscribe(channel, async () => {
      throw new Error('asked to fail later')
    })
    await this.#bus.ready()
  }

  async end(channel: string): Promise<void> {
    this.#ends.get(channel)?.()
    await this.#bus.ready()
  }

  /** Publishes the messages in one turn. */
  async publish(channel: string, ...messages: BusMessage[]): Promise<void> {
    for (const message of messages) this.#bus.publish(channel, message)
  }

  /** Publishes bytes and uses their memory again at once. */
  async publishAndWipe(channel: string, bytes: Uint8Array): Promise<void> {
    const own = Buffer.from(bytes)
    this.#bus.publish(channel, own)
    own.fill(0)
  }

  async flood({ channel, from, count, size = 0, perTurn = 100, first = 0, ahead = 100_000 }: Flood): Promise<void> {
    const pad = 'x'.repeat(size)
    for (let n = 0; n < count; n++) {
      this.#bus.publish(channel, { from, n: first + n, pad })
      if (n % perTurn !== perTurn - 1) continue
      // The publisher waits while the buffer of the bus is full.
      do await new Promise(setImmediate)
      while (this.#bus.status().bufferedBytes > ahead)
    }
  }

  async kept(channel: string): Promise<BusMessage[]> {
    return this.#kept.get(channel) ?? []
  }

  /** The counts by publisher. */
  async received(channel: string): Promise<Record<string, Received>> {
    return Object.fromEntries(this.#received.get(channel) ?? [])
  }

  async add(counter: string, n?: number): Promise<void> {
    this.#bus.counter(counter).add(n)
  }

  /** The total of the counter, or the error. */
  async read(counter: string): Promise<number | string> {
    return this.#bus
      .counter(counter)
      .read()
      .catch((error: Error & { code?: string }) => error.code ?? error.message)
  }

  async value(counter: string): Promise<number> {
    return this.#bus.counter(counter).value
  }

  async ready(): Promise<void> {
    await this.#bus.ready()
  }

  async status(): Promise<BusStatus & { reason: string }> {
    return { ...this.#bus.status(), reason: this.#bus.reason }
  }

  async close(): Promise<void> {
    await this.#bus.close()
  }
}

function note(received: Map<string, Received>, message: BusMessage): void {
  const { from, n } = message as { from: string; n: number }
  const last = received.get(from)
  if (last === undefined) return void received.set(from, { count: 1, last: n, missing: n, disorder: false })
  last.count++
  if (n <= last.last) last.disorder = true
  last.missing += n - last.last - 1
  last.last = n
}
