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
  readonly #ids = new Set<number>()
  /** For port 0, how many servers of this process listen on a port of their own, by host. */
  readonly #freePorts = new Map<string, Set<number>>()
  #requests = 0
  #mustAsk = false

  constructor({ listeners }: Pick<WorkerSetup, 'listeners'>, channel: PrimaryChannel) {
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
    return [...this.#ids]
  }

  /** The worker reports its listeners now. From then on the primary is told of each. */
  reported(): void {
    this.#mustAsk = true
  }

  /**
   * Claims the place for a server of this process.
   *
   * @throws Error with the code that Node's own `listen()` would give, or one of Holdfast's
   */
  async claim(target: ListenTarget): Promise<Claim> {
    const known = this.#mustAsk ? undefined : this.#known.get(listenKey(target))
    const claim = known ?? (await this.#ask(target))
    this.#ids.add(claim.id)
    return claim
  }

  /** No server of this process listens there any more. */
  release(id: number): void {
    if (this.#ids.delete(id)) sendToPrimary({ type: 'unlisten', listener: id })
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
