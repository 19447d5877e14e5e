// Clients of Redis for Socket.IO's adapters. An adapter ignores the promises of publish() and subscribe(), and an
// unhandled rejection would end the worker: so a publish that fails is counted instead, and a subscription that fails
// is harmless.
import { describe } from '../errors.ts'
import { isRefusal, type RedisClient } from '../redis/client.ts'
import { RedisConnections, type RedisConnectionsEvents } from '../redis/connections.ts'
import { sourceOf, type RedisTarget } from '../redis/target.ts'

/** For all connections of Socket.IO's broadcasts to Redis; in milliseconds, see ClientSettings. */
export const REDIS_LIMITS = { maxRetryDelay: 2_000, silence: 10_000 }

export class AdapterClients {
  readonly publisher: RedisClient
  readonly subscriber: RedisClient
  readonly #connections: RedisConnections
  readonly #events: RedisConnectionsEvents
  #lost = 0

  /**
   * @param sharded - on a Cluster: the subscriber can subscribe to sharded channels
   * @throws StickyError HOLDFAST_MISSING_PACKAGE
   */
  constructor(target: RedisTarget, sharded: boolean, events: RedisConnectionsEvents) {
    this.#events = events
    const settings = { ...REDIS_LIMITS, sharded, direct: true }
    this.#connections = new RedisConnections(sourceOf(target), settings, events)
    const inOrder = oneAfterTheOther()
    this.publisher = wrapped(this.#connections.publisher, ['publish', 'spublish'], (sent, command) =>
      inOrder(sent).catch((error: unknown) => {
        this.countLoss()
        this.#refused(command, error)
        return 0
      }),
    )
    this.subscriber = this.#safeSubscriber(this.#connections.subscriber)
  }

  get isUp(): boolean {
    return this.#connections.isUp
  }

  /** Publishes that Redis did not get. */
  get lost(): number {
    return this.#lost
  }

  /** Counts the loss of a message that was sent by another command than publish. */
  countLoss(): void {
    this.#lost++
  }

  /** One more client that waits for Redis as the subscriber does; `isUp` depends on it, too. */
  openSubscriber(): RedisClient {
    return this.#safeSubscriber(this.#connections.openSubscriber())
  }

  /** @returns the number of subscribers to the channel @throws Error when Redis is away or refuses */
  subscribers(channel: string): Promise<number> {
    return this.#connections.subscribers(channel)
  }

  close(): void {
    this.#connections.close()
  }

  /** A subscription also fails when the worker leaves before Redis has answered. */
  #safeSubscriber(client: RedisClient): RedisClient {
    const commands = ['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe']
    return wrapped(client, commands, (sent, command) => {
      sent.catch((error: unknown) => this.#refused(command, error))
      return sent
    })
  }

  #refused(command: string, error: unknown): void {
    if (isRefusal(error)) this.#events.refused?.(command, describe(error))
  }
}

/**
 * Changes what some commands of a client return.
 *
 * @param change - gets the promise of the answer, and the name of the command
 * @returns the client
 */
export function wrapped(
  client: RedisClient,
  commands: readonly string[],
  change: (sent: Promise<unknown>, command: string) => Promise<unknown>,
): RedisClient {
  for (const command of commands) {
    const send = Reflect.get(client, command) as (...args: unknown[]) => Promise<unknown>
    Object.assign(client, { [command]: (...args: unknown[]) => change(send.apply(client, args), command) })
  }
  return client
}

/**
 * Keeps the answers in the order of the commands. When a connection breaks, a command that is sent after that fails
 * sooner than those that were under way; and an adapter may deliver a message to its own clients once Redis has
 * answered.
 *
 * @returns delays a promise until those before it are settled
 */
export function oneAfterTheOther(): <T>(sent: Promise<T>) => Promise<T> {
  let previous: Promise<unknown> = Promise.resolve()
  return (sent) => {
    const result = previous.then(() => sent)
    previous = result.catch(() => {})
    // A promise that fails before its turn must not count as an unhandled rejection.
    sent.catch(() => {})
    return result
  }
}
