// The PROXY protocol at the door: what stands before us tells whom a connection is from, and only then it goes on.
import { addressText } from '../../affinity/address.ts'
import type { Logger } from '../../options/options.ts'
import type { ProxySettings } from '../../options/proxy.ts'
import { encodeMetadata } from '../../transport/metadata.ts'
import type { IncomingConnection } from '../connection.ts'
import { readExactly, type ReadHeader } from './read-header.ts'
import type { CloseReason } from '../steering.ts'
import type { World } from '../../world.ts'

export interface GateEvents {
  /** @param address - of the client: 4 or 16 bytes, the caller's to keep */
  passed(incoming: IncomingConnection, address: Buffer): void
  refused(incoming: IncomingConnection, reason: CloseReason): void
}

/** Milliseconds between two log lines about the same reason. */
const QUIET = 10_000

export class ProxyGate {
  readonly #read: ReadHeader
  readonly #settings: ProxySettings
  readonly #logger: Logger
  readonly #events: GateEvents
  readonly #world: World
  /** Who waits, and how to end that; oldest first. */
  readonly #waiting = new Map<IncomingConnection, (reason: CloseReason) => void>()
  /** When each reason was last logged, and how often it was met since. */
  readonly #logged = new Map<CloseReason, { at: number; since: number }>()

  /** @param read - takes the header off */
  constructor(
    settings: ProxySettings,
    logger: Logger,
    events: GateEvents,
    world: World,
    read: ReadHeader = readExactly,
  ) {
    this.#world = world
    this.#read = read
    this.#settings = settings
    this.#logger = logger
    this.#events = events
  }

  /** Connections whose header is not complete. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** @param peer - who connected: valid during the call only */
  enter(incoming: IncomingConnection, peer: Buffer): void {
    const address = Buffer.from(peer)
    const text = addressText(address)
    if (!this.#settings.trusted.check(text, address.length === 4 ? 'ipv4' : 'ipv6')) {
      return this.#refuse(incoming, 'proxy-untrusted', text)
    }
    const { timeout, maxHeader, maxWaiting } = this.#settings
    // A header comes at once, or somebody is slow on purpose: who has waited longest goes, and the door stays open.
    const [oldest] = this.#waiting.size < maxWaiting ? [] : this.#waiting.values()
    oldest?.('proxy-waiting-full')
    const timer = this.#world.setTimeout(() => stop('proxy-timeout'), timeout)
    const release = this.#read(incoming.openHandle(), maxHeader, {
      header: (header, verdict, head) => {
        this.#forget(incoming, timer)
        incoming.metadata = encodeMetadata({ header: verdict.source === undefined ? undefined : header, head })
        this.#events.passed(incoming, verdict.source?.address ?? address)
      },
      bad: (reason) => {
        this.#forget(incoming, timer)
        this.#refuse(incoming, `proxy-${reason}`, text)
      },
    })
    const stop = (reason: CloseReason): void => {
      this.#forget(incoming, timer)
      release()
      this.#refuse(incoming, reason, text)
    }
    this.#waiting.set(incoming, stop)
  }

  /** Closes whoever waits. */
  close(): void {
    for (const stop of this.#waiting.values()) stop('shutdown')
  }

  #forget(incoming: IncomingConnection, timer: NodeJS.Timeout): void {
    this.#world.clearTimeout(timer)
    this.#waiting.delete(incoming)
  }

  #refuse(incoming: IncomingConnection, reason: CloseReason, peer: string): void {
    if (reason !== 'shutdown') this.#log(reason, peer)
    this.#events.refused(incoming, reason)
  }

  /** A wrong setting refuses everybody, an attacker thousands: one line now and then tells enough. */
  #log(reason: CloseReason, peer: string): void {
    const now = this.#world.now()
    const last = this.#logged.get(reason)
    if (last !== undefined && now - last.at < QUIET) {
      last.since++
      return
    }
    this.#logger.warn('proxy.refused', { reason, peer, before: last?.since ?? 0 })
    this.#logged.set(reason, { at: now, since: 0 })
  }
}
