// The primary's part in Socket.IO's broadcasts: between its workers, and over the bridge, where a worker asks for one, to
// the primaries of other hosts.
import type { ChildProcess } from 'node:child_process'
import type { Logger } from '../../options/options.ts'
import { openForPrimary, type ToPrimary, type ToWorker } from '../../ipc/messages.ts'
import type { AdapterMessage } from '../adapter-message.ts'
import { Bridge, type BridgeStatus } from './bridge.ts'
import { unpackTarget } from '../../redis/target.ts'
import { relaySocketIO, type Recipient, type Relay } from './relay.ts'

/** A worker, as far as it matters here. */
export interface Member extends Recipient {
  send(message: ToWorker): void
}

export type BridgeRequest = Extract<ToPrimary, { type: 'bridge' }>

/** Milliseconds in which workers hear at most once how much was lost. */
const LOST_INTERVAL = 1_000

export class Exchange<M extends Member> {
  readonly #logger: Logger
  readonly #serialization: 'json' | 'advanced'
  readonly #members: () => Iterable<M>
  readonly #relay: Relay<M>
  #bridge: Bridge | undefined
  /** What the bridge was asked to be. */
  #asked: string | undefined
  #telling: NodeJS.Timeout | undefined

  /** @param serialization - of the channels to the workers */
  constructor(logger: Logger, serialization: 'json' | 'advanced', members: () => Iterable<M>) {
    this.#logger = logger
    this.#serialization = serialization
    this.#members = members
    this.#relay = relaySocketIO(members, (message) => this.#bridge?.send(message))
  }

  /** Undefined where no worker asked for one. */
  get bridge(): BridgeStatus | undefined {
    return this.#bridge?.status
  }

  /** A process has started, and may ask for the bridge. */
  started(child: ChildProcess): void {
    child.on('message', (raw: unknown) => {
      const message = openForPrimary(raw)
      if (message?.type === 'bridge') this.open(message)
    })
  }

  /** What a worker said that is not Holdfast's own. */
  pass(from: M, message: unknown): void {
    this.#relay.pass(from, message)
  }

  gone(worker: M): void {
    this.#relay.gone(worker)
  }

  /** Opens the bridge if it is not open already; whoever started last knows best where Redis is. */
  open({ redis, channelPrefix }: BridgeRequest): void {
    const asked = `${channelPrefix} ${redis}`
    if (asked !== this.#asked) {
      void this.close()
      this.#asked = asked
      this.#bridge = this.#build(redis, channelPrefix)
    }
    this.#tell()
  }

  async close(): Promise<void> {
    clearTimeout(this.#telling)
    this.#telling = undefined
    const bridge = this.#bridge
    this.#bridge = undefined
    await bridge?.close()
  }

  #build(redis: string, channelPrefix: string): Bridge | undefined {
    const logger = this.#logger
    try {
      return new Bridge(unpackTarget(redis), channelPrefix, {
        deliver: (message) => this.#relay.deliver(this.#serialization === 'json' ? asText(message) : message),
        nodes: () => this.#relay.nodes(),
        up: () => {
          logger.info('redis.up', {})
          this.#tell()
        },
        down: (reason) => {
          logger.warn('redis.down', { reason })
          this.#tell()
        },
        refused: (command, reason) => logger.error('redis.refused', { command, reason }),
        joined: (host) => logger.info('bridge.joined', { host }),
        left: (host, reason) => logger.info('bridge.left', { host, reason }),
        unreadable: () => logger.warn('bridge.unreadable', { hint: 'another version of Holdfast, or another program' }),
        lost: () => (this.#telling ??= setTimeout(() => this.#tell(), LOST_INTERVAL).unref()),
      })
    } catch (error) {
      logger.error('bridge.failed', { error })
      return undefined
    }
  }

  #tell(): void {
    clearTimeout(this.#telling)
    this.#telling = undefined
    const { connected, lost } = this.#bridge?.status ?? { connected: false, lost: 0 }
    for (const member of this.#members()) member.send({ type: 'bridged', connected, lost })
  }
}

/** JSON has no bytes. */
function asText(message: AdapterMessage): AdapterMessage {
  const { packed } = message
  return typeof packed === 'object' ? { ...message, packed: Buffer.from(packed).toString('base64') } : message
}
