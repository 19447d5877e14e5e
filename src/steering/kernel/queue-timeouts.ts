// Workers without a process: since when, and for how long connections have waited for them.

export interface QueueTimeoutEvents {
  /** The worker has been away for `holdTimeout`; told at each look. */
  overdue(worker: number): void
  /** Whether what waits in this slot's queue waits for this worker, and nobody can accept it. */
  isWaiting(worker: number, slot: number): boolean
  /** So many at the head of the slot's queue have waited too long. @returns how many of them were still there */
  expired(slot: number, count: number): number
}

interface AbsentWorker {
  since: number
  /** What waited, by slot. */
  looks: { at: number; queued: number[] }[]
}

/**
 * The kernel does not tell how long a connection has been in a queue. But a queue keeps its order: as many as were there
 * at a look are now at its head, and have waited at least since then.
 */
export class QueueTimeouts {
  readonly #holdTimeout: number
  readonly #events: QueueTimeoutEvents
  readonly #absent = new Map<number, AbsentWorker>()

  /** @param holdTimeout - milliseconds that a connection waits at most */
  constructor(holdTimeout: number, events: QueueTimeoutEvents) {
    this.#holdTimeout = holdTimeout
    this.#events = events
  }

  begin(worker: number, now: number): void {
    this.#absent.set(worker, { since: now, looks: [] })
  }

  end(worker: number): void {
    this.#absent.delete(worker)
  }

  /** @param queues - how many wait, by slot */
  look(queues: number[], now: number): void {
    for (const [worker, absent] of this.#absent) this.#expire(worker, absent, queues, now)
  }

  /** First the slots fail over, socket and queue; where there is nobody, what has waited too long is closed. */
  #expire(worker: number, absent: AbsentWorker, queues: number[], now: number): void {
    absent.looks.push({ at: now, queued: queues })
    if (now - absent.since < this.#holdTimeout) return
    this.#events.overdue(worker)
    while (absent.looks[0] !== undefined && now - absent.looks[0].at >= this.#holdTimeout) {
      const { queued } = absent.looks.shift() ?? { queued: [] }
      for (const [slot, count] of queued.entries()) {
        if (!this.#events.isWaiting(worker, slot)) continue
        const gone = this.#events.expired(slot, count)
        // They were counted at later looks too.
        for (const later of absent.looks) later.queued[slot] = (later.queued[slot] ?? 0) - gone
      }
    }
  }
}
