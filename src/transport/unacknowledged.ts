// Connections that were sent and not acknowledged. Connections and acknowledgements keep their order, so a gap between
// acknowledgements means that connections were not delivered.
import type { AcceptedConnection } from './transport.ts'

/** What one answer of the worker says, each list oldest first. */
export interface Answered {
  acknowledged: AcceptedConnection[]
  undelivered: AcceptedConnection[]
}

/** A queue of sent connections. Sequence numbers are uint32 and wrap. */
export class Unacknowledged {
  #queue: AcceptedConnection[] = []
  /** Sequence number of the oldest connection in the queue. */
  #first: number

  /** @param first - sequence number of the first connection */
  constructor(first = 0) {
    this.#first = first
  }

  get size(): number {
    return this.#queue.length
  }

  /** Sequence number of the connection that is added next. */
  get next(): number {
    return (this.#first + this.#queue.length) >>> 0
  }

  /** Gives the connection its sequence number. @returns the number */
  add(connection: AcceptedConnection): number {
    connection.seq = this.next
    this.#queue.push(connection)
    return connection.seq
  }

  /** The worker has connection `seq`. Those that were sent before it and not acknowledged were not delivered. */
  acknowledge(seq: number): Answered {
    const through = this.#takeThrough(seq)
    return { acknowledged: through.splice(-1), undelivered: through }
  }

  /** The worker has the connections up to `seq`, without the last `undelivered` ones of them. */
  acknowledgeThrough(seq: number, undelivered: number): Answered {
    const through = this.#takeThrough(seq)
    return { undelivered: undelivered === 0 ? [] : through.splice(-undelivered), acknowledged: through }
  }

  /** The worker has read all messages up to `seq`: those connections that are not acknowledged were not delivered. */
  missThrough(seq: number): Answered {
    return { acknowledged: [], undelivered: this.#takeThrough(seq) }
  }

  /** Takes out all connections, oldest first. */
  clear(): AcceptedConnection[] {
    this.#first = this.next
    return this.#queue.splice(0)
  }

  #takeThrough(seq: number): AcceptedConnection[] {
    const count = (seq - this.#first + 1) >>> 0
    // A number that is not in the queue. Numbers wrap, so one that was answered before looks far ahead.
    if (count > this.#queue.length) return []
    this.#first = (seq + 1) >>> 0
    return this.#queue.splice(0, count)
  }
}
