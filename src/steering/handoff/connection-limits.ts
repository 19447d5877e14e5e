// Counts the open connections of all workers, by client and by process, where an option needs that:
// limits.maxConnections, limits.maxPerAddress, limits.loadFactor or balance 'least-connections'. Without such an option
// nothing is counted, and a connection leaves no trace in the primary after the hand-off.
import type { Settings } from '../../options/settings.ts'
import type { CloseReason } from '../steering.ts'

/** The settings that decide whether connections are counted. */
export interface CountingSettings {
  balance: Settings['balance']
  limits: ConnectionLimitSettings & { loadFactor: number | undefined }
}

/** Numbers of open connections; Infinity: no limit. */
export interface ConnectionLimitSettings {
  maxConnections: number
  maxPerAddress: number
}

/** The name of an option that makes the primary count open connections, as text; undefined where none is set. */
export function countingOption({ balance, limits }: CountingSettings): string | undefined {
  const { maxConnections, maxPerAddress, loadFactor } = limits
  if (balance === 'least-connections') return "balance: 'least-connections'"
  if (loadFactor !== undefined) return 'limits.loadFactor'
  if (maxConnections !== Infinity) return 'limits.maxConnections'
  return maxPerAddress === Infinity ? undefined : 'limits.maxPerAddress'
}

/**
 * The open connections, and whether one more may come in. `P` stands for a worker process; keys are those of clients,
 * in hex. A connection counts from `admit()` until it is released, or its process reports the end, or its process ends.
 */
export class ConnectionLimits<P extends object> {
  readonly #limits: ConnectionLimitSettings
  readonly #openByKey = new Map<string, number>()
  /** For each process, the keys of the connections that it has, by sequence number. */
  readonly #served = new Map<P, Map<number, string>>()
  /**
   * For each process, connections that ended before their acknowledgement was read: ends and acknowledgements come over
   * different channels.
   */
  readonly #endedEarly = new Map<P, Set<number>>()
  #open = 0

  constructor(limits: ConnectionLimitSettings) {
    this.#limits = limits
  }

  /** Number of open connections. */
  get open(): number {
    return this.#open
  }

  /** Number of open connections of one client. */
  openOf(key: string): number {
    return this.#openByKey.get(key) ?? 0
  }

  /** Number of connections that the process has acknowledged and not reported as ended. */
  servedBy(process: P): number {
    return this.#served.get(process)?.size ?? 0
  }

  /** Counts a new connection, unless it exceeds a limit. @returns the reason why it may not come in */
  admit(key: string): CloseReason | undefined {
    if (this.#open >= this.#limits.maxConnections) return 'connections-full'
    if (this.openOf(key) >= this.#limits.maxPerAddress) return 'address-full'
    this.readmit(key)
    return undefined
  }

  /** Counts a connection again that was admitted before: the worker that transfers it reports its end. */
  readmit(key: string): void {
    this.#openByKey.set(key, this.openOf(key) + 1)
    this.#open++
  }

  /** Counts an admitted connection no longer. */
  release(key: string): void {
    const open = this.openOf(key) - 1
    if (open > 0) this.#openByKey.set(key, open)
    else this.#openByKey.delete(key)
    this.#open--
  }

  /** The process has acknowledged an admitted connection, under this sequence number. */
  acknowledged(process: P, seq: number, key: string): void {
    if (this.#endedEarly.get(process)?.delete(seq)) return this.release(key)
    const served = this.#served.get(process) ?? new Map<number, string>()
    this.#served.set(process, served.set(seq, key))
  }

  /** The process has reported the end of the connections with these sequence numbers. */
  ended(process: P, seqs: readonly number[]): void {
    const served = this.#served.get(process)
    for (const seq of seqs) {
      const key = served?.get(seq)
      if (key === undefined) {
        this.#endedEarly.set(process, (this.#endedEarly.get(process) ?? new Set()).add(seq))
      } else {
        served?.delete(seq)
        this.release(key)
      }
    }
  }

  /** The process has ended, and its connections with it. */
  processEnded(process: P): void {
    for (const key of this.#served.get(process)?.values() ?? []) this.release(key)
    this.#served.delete(process)
    this.#endedEarly.delete(process)
  }
}
