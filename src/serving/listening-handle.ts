// Takes the place of a server's listening socket: the server listens, and has no socket.
import type { Address } from '../ipc/messages.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'

export interface ListeningEvents {
  /** The application called `server.close()`. */
  onClose(): void
  /** The application called `server.ref()` or `server.unref()`. */
  onReference?(): void
}

/** What Node's net.Server uses of the handle of a listening socket. */
export class ListeningHandle {
  /** Set by Node: makes the server's socket over a handle and emits 'connection'. */
  onconnection?: (this: ListeningHandle, status: number, handle: TcpHandle) => void
  /** Whether the server is one that the command has adopted: the program closes it, and Holdfast does not. */
  readonly isAdopted: boolean
  readonly #address: Address
  readonly #events: ListeningEvents
  readonly #result: number
  #isReferenced = true

  /**
   * @param address - what `server.address()` returns
   * @param options - `isAdopted`: see there; `result`: 0, or a negative error number of libuv, with which `listen()`
   *   fails
   */
  constructor(address: Address, events: ListeningEvents, { isAdopted = false, result = 0 } = {}) {
    this.#address = address
    this.#events = events
    this.#result = result
    this.isAdopted = isAdopted
  }

  /** Whether the server keeps the process running. */
  get isReferenced(): boolean {
    return this.#isReferenced
  }

  listen(): number {
    return this.#result
  }

  getsockname(out: object): number {
    Object.assign(out, this.#address)
    return 0
  }

  close(done?: () => void): void {
    this.#events.onClose()
    if (done !== undefined) process.nextTick(() => done.call(this))
  }

  ref(): void {
    this.#setReferenced(true)
  }

  unref(): void {
    this.#setReferenced(false)
  }

  hasRef(): boolean {
    return this.#isReferenced
  }

  #setReferenced(isReferenced: boolean): void {
    this.#isReferenced = isReferenced
    this.#events.onReference?.()
  }
}
