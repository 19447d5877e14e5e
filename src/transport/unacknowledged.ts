// What was sent and not acknowledged. Messages and acknowledgements keep their order, so a gap means a loss.
import type { AcceptedConnection } from './transport.ts'

export interface Acknowledged {
  taken: AcceptedConnection[]
  lost: AcceptedConnection[]
}

/** A queue of sent connections. Sequence numbers are uint32 and wrap. */
export class Unacknowledged {
  #queue: AcceptedConnection[] = []
  /** Sequence number of the oldest. */
  #first: number

  /** @param first - number of the first connection */
  constructor(first = 0) {
    this.#first = first
  }

  get size(): number {
    return this.#queue.length
  }

  /** The number that the next connection gets. */
  get next(): number {
    return (this.#first + this.#queue.length) >>> 0
  }

  /** @returns the connection's sequence number */
  add(connection: AcceptedConnection): number {
    connection.seq = this.next
    this.#queue.push(connection)
    return connection.seq
  }

  /** Number `seq` arrived; what was sent before it and is not acknowledged was lost. */
  arrived(seq: number): Acknowledged {
    const upTo = this.#remove(seq)
    return { taken: upTo.splice(-1), lost: upTo }
  }

  /** All up to `seq` arrived but for the `lost` last ones of them. */
  arrivedThrough(seq: number, lost: number): Acknowledged {
    const upTo = this.#remove(seq)
    return { lost: lost === 0 ? [] : upTo.splice(-lost), taken: upTo }
  }

  /** The worker is past `seq`: whatever is not acknowledged by now was lost. */
  past(seq: number): Acknowledged {
    return { taken: [], lost: this.#remove(seq) }
  }

  /** Takes out everything, oldest first. */
  clear(): AcceptedConnection[] {
    this.#first = this.next
    return this.#queue.splice(0)
  }

  #remove(seq: number): AcceptedConnection[] {
    const count = (seq - this.#first + 1) >>> 0
    // Not one of ours (the numbers wrap: one that is behind looks far ahead).
    if (count > this.#queue.length) return []
    this.#first = (seq + 1) >>> 0
    return this.#queue.splice(0, count)
  }
}
