// The PROXY protocol at the door: what stands before us tells whom a connection is from, and only then it goes on.
// Exactly the header is read, never a byte behind it: each read asks for what surely still belongs to the header.
import { Socket } from 'node:net'
import { addressText } from '../affinity/address.ts'
import { parseProxyHeader } from '../affinity/proxy-header.ts'
import type { ProxyVerdict } from '../affinity/proxy-verdict.ts'
import type { Logger } from '../options.ts'
import type { ProxySettings } from '../proxy-settings.ts'
import type { TcpHandle } from '../transport/tcp-handle.ts'
import { packExtras, unpackExtras } from '../transport/extras.ts'
import type { Incoming } from './accept.ts'
import type { CloseReason } from './steering.ts'

export interface GateEvents {
  /** @param address - of the client: 4 or 16 bytes, the caller's to keep */
  passed(incoming: Incoming, address: Buffer): void
  refused(incoming: Incoming, reason: CloseReason): void
}

/** Milliseconds between two log lines about the same reason. */
const QUIET = 10_000

export class ProxyGate {
  readonly #settings: ProxySettings
  readonly #logger: Logger
  readonly #events: GateEvents
  /** Who waits, and how to end that; oldest first. */
  readonly #waiting = new Map<Incoming, (reason: CloseReason) => void>()
  /** When each reason was last logged, and how often it was met since. */
  readonly #logged = new Map<CloseReason, { at: number; since: number }>()

  constructor(settings: ProxySettings, logger: Logger, events: GateEvents) {
    this.#settings = settings
    this.#logger = logger
    this.#events = events
  }

  /** Connections whose header is not complete. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** @param peer - who connected: valid during the call only */
  enter(incoming: Incoming, peer: Buffer): void {
    const address = Buffer.from(peer)
    const text = addressText(address)
    if (!this.#settings.trusted.check(text, address.length === 4 ? 'ipv4' : 'ipv6')) {
      return this.#refuse(incoming, 'proxy-untrusted', text)
    }
    const { timeout, maxHeader, maxWaiting } = this.#settings
    // A header comes at once, or somebody is slow on purpose: who has waited longest goes, and the door stays open.
    const [oldest] = this.#waiting.size < maxWaiting ? [] : this.#waiting.values()
    oldest?.('proxy-waiting-full')
    const timer = setTimeout(() => stop('proxy-timeout'), timeout)
    const release = readHeader(incoming.own(), maxHeader, {
      header: (header, verdict) => {
        this.#forget(incoming, timer)
        if (verdict.source !== undefined) incoming.extras = packExtras({ header })
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

  #forget(incoming: Incoming, timer: NodeJS.Timeout): void {
    clearTimeout(timer)
    this.#waiting.delete(incoming)
  }

  #refuse(incoming: Incoming, reason: CloseReason, peer: string): void {
    if (reason !== 'shutdown') this.#log(reason, peer)
    this.#events.refused(incoming, reason)
  }

  /** A wrong setting refuses everybody, an attacker thousands: one line now and then tells enough. */
  #log(reason: CloseReason, peer: string): void {
    const now = performance.now()
    const last = this.#logged.get(reason)
    if (last !== undefined && now - last.at < QUIET) {
      last.since++
      return
    }
    this.#logger.warn('proxy.refused', { reason, peer, before: last?.since ?? 0 })
    this.#logged.set(reason, { at: now, since: 0 })
  }
}

/** The client's address in what goes along with a connection, if a header does. */
export function clientOf(extras: Buffer): Buffer | undefined {
  const { header } = unpackExtras(extras)
  const verdict = header === undefined ? undefined : parseProxyHeader(header, header.length)
  return verdict?.type === 'header' ? verdict.source?.address : undefined
}

type Header = Extract<ProxyVerdict, { type: 'header' }>
type Fault = Extract<ProxyVerdict, { type: 'bad' }>['reason'] | 'aborted'

/**
 * Reads until the header is complete.
 *
 * @param handle - is not read from any more when one of the two was called, or when the returned function was
 */
function readHeader(
  handle: TcpHandle,
  max: number,
  events: { header(bytes: Buffer, verdict: Header): void; bad(reason: Fault): void },
): () => void {
  let bytes = Buffer.alloc(0)
  let verdict = parseProxyHeader(bytes, max)
  // As long as the buffer is: no more is ever read at once.
  const buffer = (): Buffer => Buffer.alloc(verdict.type === 'more' ? verdict.bytes : 0)
  const callback = (size: number, chunk: Uint8Array): boolean => {
    bytes = Buffer.concat([bytes, chunk.subarray(0, size)])
    verdict = parseProxyHeader(bytes, max)
    if (verdict.type === 'more') return true
    release()
    if (verdict.type === 'header') events.header(bytes, verdict)
    else events.bad(verdict.reason)
    return false
  }
  const socket = new Socket({ handle, allowHalfOpen: true, onread: { buffer, callback } } as object)
  let released = false
  const release = (): void => {
    released = true
    handle.readStop()
    // The handle outlives the socket, which was only there to read.
    Reflect.set(socket, '_handle', null)
    socket.destroy()
  }
  const aborted = (): void => {
    if (released) return
    release()
    events.bad('aborted')
  }
  socket.on('end', aborted)
  socket.on('error', aborted)
  return release
}
