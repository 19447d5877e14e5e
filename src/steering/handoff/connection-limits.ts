// Who may still come in, where limits.maxConnections or limits.maxPerAddress is set. Without them nothing is counted
// and no connection leaves a trace in the primary after the hand-off.
import type { Settings } from '../../options/settings.ts'
import type { CloseReason } from '../steering.ts'

/** What may need counting. */
export interface CountingSettings {
  balance: Settings['balance']
  limits: ConnectionLimitSettings & { loadFactor: number | undefined }
}

export interface ConnectionLimitSettings {
  maxConnections: number
  maxPerAddress: number
}

/** The option that makes the primary count open connections, which only hand-off can; undefined where none is set. */
export function countingOption({ balance, limits }: CountingSettings): string | undefined {
  const { maxConnections, maxPerAddress, loadFactor } = limits
  if (balance === 'least-connections') return "balance: 'least-connections'"
  if (loadFactor !== undefined) return 'limits.loadFactor'
  if (maxConnections !== Infinity) return 'limits.maxConnections'
  return maxPerAddress === Infinity ? undefined : 'limits.maxPerAddress'
}

/** Connections open, by key and by the process that serves them. `P` is a process. */
export class ConnectionLimits<P extends object> {
  readonly #limits: ConnectionLimitSettings
  readonly #byKey = new Map<string, number>()
  /** Key by sequence number, for each process. */
  readonly #served = new Map<P, Map<number, string>>()
  /** Ended before their acknowledgement was read: the two come on different channels. */
  readonly #early = new Map<P, Set<number>>()
  #open = 0

  constructor(limits: ConnectionLimitSettings) {
    this.#limits = limits
  }

  get open(): number {
    return this.#open
  }

  /** Connections that the client has open. */
  openOf(key: string): number {
    return this.#byKey.get(key) ?? 0
  }

  /** Connections that the process has taken and not ended. */
  servedBy(process: P): number {
    return this.#served.get(process)?.size ?? 0
  }

  /** Counts the connection in. @returns why it may not come in, if so */
  admit(key: string): CloseReason | undefined {
    const count = this.#byKey.get(key) ?? 0
    if (this.#open >= this.#limits.maxConnections) return 'connections-full'
    if (count >= this.#limits.maxPerAddress) return 'address-full'
    this.enter(key)
    return undefined
  }

  /** Counts a connection in that was admitted before, and was given up under its former number. */
  enter(key: string): void {
    this.#byKey.set(key, (this.#byKey.get(key) ?? 0) + 1)
    this.#open++
  }

  /** An admitted connection ended without ever reaching a worker. */
  release(key: string): void {
    const count = (this.#byKey.get(key) ?? 0) - 1
    if (count > 0) this.#byKey.set(key, count)
    else this.#byKey.delete(key)
    this.#open--
  }

  /** A process has taken the connection that was sent to it under that number. */
  taken(process: P, seq: number, key: string): void {
    if (this.#early.get(process)?.delete(seq)) return this.release(key)
    const served = this.#served.get(process) ?? new Map<number, string>()
    this.#served.set(process, served.set(seq, key))
  }

  /** A process says that connections ended. */
  ended(process: P, numbers: readonly number[]): void {
    const served = this.#served.get(process)
    for (const seq of numbers) {
      const key = served?.get(seq)
      if (key === undefined) {
        this.#early.set(process, (this.#early.get(process) ?? new Set()).add(seq))
      } else {
        served?.delete(seq)
        this.release(key)
      }
    }
  }

  /** A process is gone, and its connections with it. */
  gone(process: P): void {
    for (const key of this.#served.get(process)?.values() ?? []) this.release(key)
    this.#served.delete(process)
    this.#early.delete(process)
  }
}
