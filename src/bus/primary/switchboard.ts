// The primary's part in all broadcasts: the bus between its workers, and Socket.IO's messages between them and other hosts.
import type { ChildProcess } from 'node:child_process'
import type { Logger } from '../../options/options.ts'
import type { BridgeStatus } from '../../socket-io/primary/bridge.ts'
import { BusBroker, type BusBrokerStatus } from './broker.ts'
import { Exchange, type Member } from '../../socket-io/primary/exchange.ts'

/** A worker, as far as it matters here. */
interface Subscriber extends Member {
  readonly child: ChildProcess
  readonly id: number
  readonly pid: number
}

export class Switchboard<S extends Subscriber> {
  readonly #bus: BusBroker
  readonly #exchange: Exchange<S>

  /** @param serialization - of the channels to the workers */
  constructor(logger: Logger, serialization: 'json' | 'advanced', subscribers: () => Iterable<S>) {
    this.#bus = new BusBroker(serialization, logger, subscribers)
    this.#exchange = new Exchange(logger, serialization, subscribers)
  }

  status(): { bus: BusBrokerStatus; bridge: BridgeStatus | undefined } {
    return { bus: this.#bus.status(), bridge: this.#exchange.bridge }
  }

  /** A process has started. */
  started(child: ChildProcess): void {
    this.#bus.started(child)
    this.#exchange.started(child)
  }

  /** What a worker said that is not Holdfast's own. */
  pass(from: S, message: unknown): void {
    this.#exchange.pass(from, message)
  }

  gone(worker: S): void {
    this.#exchange.gone(worker)
  }

  close(): Promise<void> {
    return this.#exchange.close()
  }
}
