// What was sent and not acknowledged. Messages and acknowledgements keep their order, so a gap means a loss.
import type { Accepted } from './transport.ts'

/** A queue of sent connections under their sequence numbers. */
export class Unacknowledged {
  #queue: { seq: number; connection: Accepted }[] = []
  #next = 0

  get size(): number {
    return this.#queue.length
  }

  /** The number of the last connection sent. */
  get last(): number {
    return this.#next - 1
  }

  /** @returns the connection's sequence number */
  add(connection: Accepted): number {
    const seq = this.#next++
    this.#queue.push({ seq, connection })
    return seq
  }

  /** Takes out the connection with that number, and as lost all that were sent before it. */
  acknowledge(seq: number): { taken: Accepted[]; lost: Accepted[] } {
    const taken: Accepted[] = []
    const lost: Accepted[] = []
    while (this.#queue[0] !== undefined && this.#queue[0].seq <= seq) {
      const first = this.#queue.shift()
      if (first !== undefined) (first.seq === seq ? taken : lost).push(first.connection)
    }
    return { taken, lost }
  }

  /** Takes out all up to that number: the worker is past it and did not acknowledge them. */
  lostUpTo(seq: number): Accepted[] {
    const { taken, lost } = this.acknowledge(seq)
    return [...lost, ...taken]
  }

  /** Takes out everything, oldest first. */
  clear(): Accepted[] {
    const all = this.#queue.map(({ connection }) => connection)
    this.#queue = []
    return all
  }
}
