// The listeners that this worker serves: asks the primary for each place where a server wants to listen.
import type { PrimaryChannel } from '../ipc/channel.ts'
import { listenKey, type ListenTarget, type OpenListener } from '../ipc/listen-target.ts'
import type { WorkerSetup } from '../ipc/messages.ts'
import { sendToPrimary } from '../ipc/send.ts'

/** A listener that this worker may serve. */
export type Claim = Pick<OpenListener, 'id' | 'address'>

export class Claims {
  readonly #known: Map<string, OpenListener>
  /** By the number of the request. */
  readonly #waiting = new Map<number, { resolve(claim: Claim): void; reject(error: Error): void }>()
  /** The key of each listener, by its number. */
  readonly #keys = new Map<number, string>()
  /** Claims of each listener that were not released, by key: also those that wait for the primary. */
  readonly #counts = new Map<string, number>()
  /** For port 0, how many servers of this process listen on a port of their own, by host. */
  readonly #freePorts = new Map<string, Set<number>>()
  readonly #ofFirstCall: readonly OpenListener[]
  #requests = 0
  #mustAsk = false

  constructor({ listeners, ofFirstCall }: Pick<WorkerSetup, 'listeners' | 'ofFirstCall'>, channel: PrimaryChannel) {
    this.#ofFirstCall = listeners.filter(({ id }) => id < ofFirstCall)
    // Any other may be closed meanwhile.
    const permanent = listeners.filter(({ isPermanent }) => isPermanent)
    this.#known = new Map(permanent.map((listener) => [listener.key, listener]))
    channel.on('listening', ({ request, listener, address, error }) => {
      const waiting = this.#waiting.get(request)
      this.#waiting.delete(request)
      if (error === undefined) waiting?.resolve({ id: listener, address })
      else waiting?.reject(Object.assign(new Error(error.message), { code: error.code }))
    })
  }

  /** The numbers of the listeners. */
  get ids(): readonly number[] {
    return [...this.#keys.keys()]
  }

  /** The worker reports its listeners now. From then on the primary is told of each. */
  reported(): void {
    this.#mustAsk = true
  }

  /**
   * Claims the places of the first call of stickyListen in this process. The program of the workers may be another one than
   * that of the primary, and name no port or another one: then these are the places of the first call there.
   *
   * @throws Error as {@link claim} does
   */
  async claimFirst(targets: readonly ListenTarget[]): Promise<Claim[]> {
    if (targets.some((target) => this.#known.has(listenKey(target)))) return this.claimAll(targets)
    return this.#ofFirstCall.map((listener) => {
      this.#keys.set(listener.id, listener.key)
      this.#counts.set(listener.key, 1)
      return listener
    })
  }

  /** See {@link claim}. */
  claimAll(targets: readonly ListenTarget[]): Promise<Claim[]> {
    return Promise.all(targets.map((target) => this.claim(target)))
  }

  /**
   * Claims the place for a server of this process.
   *
   * @throws Error with the code that Node's own `listen()` would give, or one of Holdfast's
   */
  async claim(target: ListenTarget): Promise<Claim> {
    const key = listenKey(target)
    const known = this.#mustAsk ? undefined : this.#known.get(key)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    try {
      const claim = known ?? (await this.#ask(target))
      this.#keys.set(claim.id, key)
      return claim
    } catch (error) {
      this.#countDown(key)
      throw error
    }
  }

  /**
   * A server of this process listens there no more.
   *
   * @returns false where another one does, or will
   */
  release(id: number): boolean {
    const key = this.#keys.get(id)
    if (key === undefined || this.#countDown(key) > 0) return false
    this.#keys.delete(id)
    sendToPrimary({ type: 'unlisten', listener: id })
    return true
  }

  #countDown(key: string): number {
    const left = (this.#counts.get(key) ?? 0) - 1
    this.#counts.set(key, left)
    return left
  }

  /** Port 0 is another port for each server: gives it the lowest index that is free, as node:cluster does. */
  newIndex(host = '::'): number {
    const used = this.#freePorts.get(host) ?? new Set<number>()
    let index = 0
    while (used.has(index)) index++
    this.#freePorts.set(host, used.add(index))
    return index
  }

  /** The server with that index is closed. */
  freeIndex(index: number, host = '::'): void {
    this.#freePorts.get(host)?.delete(index)
  }

  #ask(target: ListenTarget): Promise<Claim> {
    const request = this.#requests++
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject })
      sendToPrimary({ type: 'listen', request, target })
    })
  }
}
