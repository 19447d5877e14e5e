// The gate of the PROXY protocol: a connection waits here until its header is complete. The header tells the client's
// address, by which the connection is steered.
import { addressText } from '../../affinity/address.ts'
import type { Logger } from '../../options/options.ts'
import type { ProxySettings } from '../../options/proxy.ts'
import { encodeMetadata } from '../../transport/metadata.ts'
import type { World } from '../../world.ts'
import type { IncomingConnection } from '../connection.ts'
import type { CloseReason } from '../steering.ts'
import { readExactly, type ReadHeader } from './read-header.ts'

export interface GateEvents {
  /** The header is complete and in the metadata. @param address - of the client: 4 or 16 bytes, which may be kept */
  onPassed(connection: IncomingConnection, address: Buffer): void
  /** The connection may not come in, and is the receiver's to close. */
  onRefused(connection: IncomingConnection, reason: CloseReason): void
}

/** Milliseconds between two log lines about the same reason. */
const LOG_INTERVAL = 10_000

export class ProxyGate {
  readonly #readHeader: ReadHeader
  readonly #settings: ProxySettings
  readonly #logger: Logger
  readonly #events: GateEvents
  readonly #world: World
  /** The connections without a complete header, oldest first, and the function that refuses each. */
  readonly #waiting = new Map<IncomingConnection, (reason: CloseReason) => void>()
  /** For each reason, when it was logged last, and how many connections were refused for it since. */
  readonly #logged = new Map<CloseReason, { at: number; unlogged: number }>()

  /** @param readHeader - takes the header off a connection */
  constructor(
    settings: ProxySettings,
    logger: Logger,
    events: GateEvents,
    world: World,
    readHeader: ReadHeader = readExactly,
  ) {
    this.#world = world
    this.#readHeader = readHeader
    this.#settings = settings
    this.#logger = logger
    this.#events = events
  }

  /** Number of connections that wait for their header. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Lets a connection wait for its header. @param peer - address at the other end, valid during the call only */
  enter(connection: IncomingConnection, peer: Buffer): void {
    const address = Buffer.from(peer)
    const text = addressText(address)
    if (!this.#settings.trusted.check(text, address.length === 4 ? 'ipv4' : 'ipv6')) {
      return this.#refuse(connection, 'proxy-untrusted', text)
    }
    const { timeout, maxHeader, maxWaiting } = this.#settings
    // A proxy sends the header at once. So a connection that has waited long makes room: slow peers cannot block the
    // gate.
    const [refuseOldest] = this.#waiting.size < maxWaiting ? [] : this.#waiting.values()
    refuseOldest?.('proxy-waiting-full')
    const timer = this.#world.setTimeout(() => refuse('proxy-timeout'), timeout)
    const stopReading = this.#readHeader(connection.openHandle(), maxHeader, {
      onHeader: (header, verdict, head) => {
        this.#stopWaiting(connection, timer)
        const { listener } = connection
        connection.metadata = encodeMetadata({
          listener,
          header: verdict.source === undefined ? undefined : header,
          head,
        })
        this.#events.onPassed(connection, verdict.source?.address ?? address)
      },
      onFault: (fault) => {
        this.#stopWaiting(connection, timer)
        this.#refuse(connection, `proxy-${fault}`, text)
      },
    })
    const refuse = (reason: CloseReason): void => {
      this.#stopWaiting(connection, timer)
      stopReading()
      this.#refuse(connection, reason, text)
    }
    this.#waiting.set(connection, refuse)
  }

  /** Refuses all connections that wait. */
  close(): void {
    for (const refuse of this.#waiting.values()) refuse('shutdown')
  }

  #stopWaiting(connection: IncomingConnection, timer: NodeJS.Timeout): void {
    this.#world.clearTimeout(timer)
    this.#waiting.delete(connection)
  }

  #refuse(connection: IncomingConnection, reason: CloseReason, peer: string): void {
    if (reason !== 'shutdown') this.#log(reason, peer)
    this.#events.onRefused(connection, reason)
  }

  /** A wrong setting refuses every connection, and an attacker brings thousands: a line now and then says enough. */
  #log(reason: CloseReason, peer: string): void {
    const now = this.#world.now()
    const last = this.#logged.get(reason)
    if (last !== undefined && now - last.at < LOG_INTERVAL) {
      last.unlogged++
      return
    }
    this.#logger.warn('proxy.refused', { reason, peer, before: last?.unlogged ?? 0 })
    this.#logged.set(reason, { at: now, unlogged: 0 })
  }
}
