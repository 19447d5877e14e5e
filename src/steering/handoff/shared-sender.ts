// The sender to one process, shared by the queues of all listeners: each of them has a part of it, and learns of its own
// connections only.
import type { WorkerChannel } from '../../ipc/channel.ts'
import type { AcceptedConnection, Endpoint, Sender, SenderEvents } from '../../transport/transport.ts'

interface Part {
  events: SenderEvents
  /** Number of its connections that were sent and not acknowledged. */
  unacknowledged: number
}

export class SharedSender {
  readonly #sender: Sender
  /** By the number of the listener. */
  readonly #parts = new Map<number, Part>()
  /** What the process had not acknowledged when the sender was closed, and no part has taken. */
  #left: AcceptedConnection[] | undefined

  constructor(channel: WorkerChannel, endpoint: Endpoint) {
    this.#sender = endpoint.sender(channel, {
      onAcknowledged: (connections) => this.#tell(connections, ({ events }, own) => events.onAcknowledged(own)),
      onUndelivered: (connections) => this.#tell(connections, ({ events }, own) => events.onUndelivered(own)),
      onRoom: () => {
        for (const { events } of this.#parts.values()) events.onRoom()
      },
      onClosed: () => {
        for (const { events } of this.#parts.values()) events.onClosed()
      },
    })
  }

  /** See {@link Sender}. */
  silence(now: number, patience: number): number {
    return this.#left === undefined ? this.#sender.silence(now, patience) : 0
  }

  /** Tells the worker that no connection of any listener will follow. */
  end(): void {
    this.#sender.end()
  }

  /** Closes the sender. The parts return the connections that the worker did not acknowledge. */
  close(): void {
    this.#left ??= this.#sender.close()
  }

  /** @returns what no part has returned: the connections of listeners that are closed */
  takeRest(): AcceptedConnection[] {
    this.close()
    return this.#left?.splice(0) ?? []
  }

  /** The endpoint for the queues of one listener. To be asked again for a listener replaces the events of its part. */
  endpoint(listener: number): Pick<Endpoint, 'sender'> {
    return { sender: (_channel, events) => this.#part(listener, events) }
  }

  #part(listener: number, events: SenderEvents): Sender {
    let part = this.#parts.get(listener)
    if (part === undefined) this.#parts.set(listener, (part = { events, unacknowledged: 0 }))
    part.events = events
    const own = part
    return {
      send: (connection) => {
        const isSent = this.#left === undefined && this.#sender.send(connection)
        if (isSent) own.unacknowledged++
        return isSent
      },
      get unacknowledged() {
        return own.unacknowledged
      },
      silence: (now, patience) => this.silence(now, patience),
      // The connections of other listeners may follow.
      end() {},
      close: () => {
        this.close()
        own.unacknowledged = 0
        const left = this.#left ?? []
        this.#left = left.filter((connection) => connection.listener !== listener)
        return left.filter((connection) => connection.listener === listener)
      },
    }
  }

  /** Tells each part about its connections. */
  #tell(
    connections: readonly AcceptedConnection[],
    tell: (part: Part, own: readonly AcceptedConnection[]) => void,
  ): void {
    const [first] = connections
    if (first === undefined) return
    const own = connections.filter(({ listener }) => listener === first.listener)
    const part = this.#parts.get(first.listener)
    if (part !== undefined) {
      part.unacknowledged -= own.length
      tell(part, own)
    }
    if (own.length === connections.length) return
    this.#tell(
      connections.filter(({ listener }) => listener !== first.listener),
      tell,
    )
  }
}
