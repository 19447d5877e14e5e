// The primary's part in Socket.IO's broadcasts: between its workers, and, where a worker has requested a bridge, to the
// primaries of other hosts.
import type { WorkerChannel } from '../../ipc/channel.ts'
import type { Logger } from '../../options/options.ts'
import type { ToPrimary, ToWorker } from '../../ipc/messages.ts'
import type { AdapterMessage } from '../adapter-message.ts'
import { Bridge, type BridgeStatus } from './bridge.ts'
import { lookBeside } from '../../redis/optional.ts'
import { unpackTarget } from '../../redis/target.ts'
import { relaySocketIO, type Recipient, type Relay } from './relay.ts'

/** The members of a worker that are used here. */
export interface Member extends Recipient {
  send(message: ToWorker): void
}

export type BridgeRequest = Extract<ToPrimary, { type: 'open-bridge' }>

/** Milliseconds between two messages to the workers about lost broadcasts, at least. */
const LOST_INTERVAL = 1_000

export class Exchange<M extends Member> {
  readonly #logger: Logger
  readonly #serialization: 'json' | 'advanced'
  readonly #members: () => Iterable<M>
  readonly #relay: Relay<M>
  #bridge: Bridge | undefined
  /** The request that the bridge was opened for. */
  #request: string | undefined
  /** Runs until the workers get the next count of lost broadcasts. */
  #reporting: NodeJS.Timeout | undefined

  /** @param serialization - of the channels to the workers @param members - the workers that run now */
  constructor(logger: Logger, serialization: 'json' | 'advanced', members: () => Iterable<M>) {
    this.#logger = logger
    this.#serialization = serialization
    this.#members = members
    this.#relay = relaySocketIO(members, (message) => this.#bridge?.send(message))
  }

  /** Undefined where no worker has requested a bridge. */
  get bridge(): BridgeStatus | undefined {
    return this.#bridge?.status
  }

  /** A process has started, and may ask for the bridge. */
  started(channel: WorkerChannel): void {
    channel.on('open-bridge', (message) => this.open(message))
  }

  /**
   * Takes a message of a worker.
   *
   * @param isWrapped - whether it came as a message of Holdfast's, and not as it is
   */
  pass(from: M, message: unknown, isWrapped = false): void {
    this.#relay.pass(from, message, isWrapped)
  }

  /** A worker has ended. With adapters over Redis, its answers are not known to the relay. */
  gone(worker: M): void {
    this.#relay.gone(worker)
    for (const member of this.#members()) if (member !== worker) member.send({ type: 'server-gone' })
  }

  /**
   * Opens the bridge, or another one where the request differs: the newest worker has the newest program and options.
   */
  open({ redis, channelPrefix, program }: BridgeRequest): void {
    lookBeside(program)
    const request = `${channelPrefix} ${redis}`
    if (request !== this.#request) {
      void this.close()
      this.#request = request
      this.#bridge = this.#build(redis, channelPrefix)
    }
    this.#report()
  }

  async close(): Promise<void> {
    clearTimeout(this.#reporting)
    this.#reporting = undefined
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
          this.#report()
        },
        down: (reason) => {
          logger.warn('redis.down', { reason })
          this.#report()
        },
        refused: (command, reason) => logger.error('redis.refused', { command, reason }),
        joined: (host) => logger.info('bridge.joined', { host }),
        left: (host, reason) => logger.info('bridge.left', { host, reason }),
        unreadable: () => logger.warn('bridge.unreadable', { hint: 'another version of Holdfast, or another program' }),
        lost: () => (this.#reporting ??= setTimeout(() => this.#report(), LOST_INTERVAL).unref()),
      })
    } catch (error) {
      logger.error('bridge.failed', { error })
      return undefined
    }
  }

  #report(): void {
    clearTimeout(this.#reporting)
    this.#reporting = undefined
    const { connected, lost } = this.#bridge?.status ?? { connected: false, lost: 0 }
    for (const member of this.#members()) member.send({ type: 'bridge-state', connected, lost })
  }
}

/** Replaces bytes by base64 text, because JSON cannot express bytes. */
function asText(message: AdapterMessage): AdapterMessage {
  const { packed } = message
  return typeof packed === 'object' ? { ...message, packed: Buffer.from(packed).toString('base64') } : message
}
