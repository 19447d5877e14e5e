// Applies limits.holdTimeout to the connections in the kernel's queues of workers without a process.
//
// The kernel does not tell for how long a connection has been in a queue. But a queue keeps its order: the connections
// that were there at an earlier check are now at its head, and have waited at least since then.

export interface QueueTimeoutEvents {
  /** The worker has been without a process for `holdTimeout`. Reported at each check from then on. */
  onOverdue(worker: number): void
  /** Whether the connections in this slot's queue wait for this worker, and no process accepts them. */
  isWaiting(worker: number, slot: number): boolean
  /** Closes the first `count` connections in the slot's queue. @returns how many of them were still there */
  closeExpired(slot: number, count: number): number
}

interface AbsentWorker {
  /** Milliseconds on the monotonic clock. */
  since: number
  /** What was queued at each check, by slot; oldest first. */
  samples: { at: number; queued: number[] }[]
}

/** The workers without a process. Times are milliseconds on the monotonic clock. */
export class QueueTimeouts {
  readonly #holdTimeout: number
  readonly #events: QueueTimeoutEvents
  readonly #absent = new Map<number, AbsentWorker>()

  /** @param holdTimeout - milliseconds that a connection waits, at most */
  constructor(holdTimeout: number, events: QueueTimeoutEvents) {
    this.#holdTimeout = holdTimeout
    this.#events = events
  }

  /** The worker has no process from now on. */
  setAbsent(worker: number, now: number): void {
    this.#absent.set(worker, { since: now, samples: [] })
  }

  /** The worker has a process from now on. */
  setPresent(worker: number): void {
    this.#absent.delete(worker)
  }

  /** To be called regularly. @param queues - number of queued connections, by slot */
  check(queues: number[], now: number): void {
    for (const [worker, absent] of this.#absent) this.#expire(worker, absent, queues, now)
  }

  /** First the slots may fail over, socket and queue. Where they cannot, what has waited too long is closed. */
  #expire(worker: number, { since, samples }: AbsentWorker, queues: number[], now: number): void {
    samples.push({ at: now, queued: queues })
    if (now - since < this.#holdTimeout) return
    this.#events.onOverdue(worker)
    while (samples[0] !== undefined && now - samples[0].at >= this.#holdTimeout) {
      const { queued } = samples.shift() ?? { queued: [] }
      for (const [slot, count] of queued.entries()) {
        if (!this.#events.isWaiting(worker, slot)) continue
        const closed = this.#events.closeExpired(slot, count)
        // The closed connections were counted in later samples too.
        for (const later of samples) later.queued[slot] = (later.queued[slot] ?? 0) - closed
      }
    }
  }
}
