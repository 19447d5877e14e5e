// Connections over a Unix socket, in kernel steering: the kernel has no slots for them, so the primary accepts them and
// sends each to a worker, in turn.
import type { AcceptedConnection } from '../../transport/transport.ts'
import type { Listener } from '../listener.ts'
import type { CloseReason } from '../steering.ts'
import type { SlotLink } from './slot-link.ts'

export interface LocalConnectionsEvents {
  send(connection: AcceptedConnection, link: SlotLink): void
  onDropped(connection: AcceptedConnection, reason: CloseReason): void
}

export class LocalConnections {
  readonly id: number
  readonly listener: Listener
  readonly #events: LocalConnectionsEvents
  readonly #serving = new Set<SlotLink>()
  /** No process serves the listener; oldest first. */
  readonly #waiting: AcceptedConnection[] = []
  #turns = 0

  constructor(id: number, listener: Listener, events: LocalConnectionsEvents) {
    this.id = id
    this.listener = listener
    this.#events = events
  }

  get pending(): number {
    return this.#waiting.length
  }

  /** Sends the connection to the next process, or lets it wait for one. */
  dispatch(connection: AcceptedConnection): void {
    const links = [...this.#serving]
    const link = links[this.#turns++ % links.length]
    if (link === undefined) this.#waiting.push(connection)
    else this.#events.send(connection, link)
  }

  serve(link: SlotLink): void {
    this.#serving.add(link)
    for (const connection of this.#waiting.splice(0)) this.dispatch(connection)
  }

  unserve(link: SlotLink): void {
    this.#serving.delete(link)
  }

  /** Drops the connections that were accepted before that moment. */
  expire(before: number): void {
    while (this.#waiting[0] !== undefined && this.#waiting[0].acceptedAt < before) this.#dropFirst('hold-timeout')
  }

  /** Drops the connections that wait. */
  close(reason: CloseReason): void {
    while (this.#waiting.length > 0) this.#dropFirst(reason)
  }

  #dropFirst(reason: CloseReason): void {
    const connection = this.#waiting.shift()
    if (connection !== undefined) this.#events.onDropped(connection, reason)
  }
}
