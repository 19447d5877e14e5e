// The keys of TLS session tickets: the primary makes them, so that every worker process resumes the sessions of all others,
// also of those that have ended. The keys never leave the memory of these processes.
import type { ToWorker } from '../ipc/messages.ts'
import type { World } from '../world.ts'

/** Bytes: OpenSSL's name of the keys, a key for HMAC, and one for AES. */
const SIZE = 48

/** A worker process. */
interface Receiver {
  send(message: ToWorker): void
}

export class TicketKeys {
  readonly #world: Pick<World, 'randomBytes' | 'setInterval' | 'clearInterval'>
  readonly #rotation: number | undefined
  readonly #processes: () => Iterable<Receiver>
  #keys: string | undefined
  #timer: NodeJS.Timeout | undefined

  /**
   * @param rotation - milliseconds after which there are new keys; undefined: no process gets any
   * @param processes - all processes that get the new keys
   */
  constructor(
    world: Pick<World, 'randomBytes' | 'setInterval' | 'clearInterval'>,
    rotation: number | undefined,
    processes: () => Iterable<Receiver>,
  ) {
    this.#world = world
    this.#rotation = rotation
    this.#processes = processes
  }

  /** Gives the keys to a process that is ready to serve. Its first connection comes after that. */
  give(process: Receiver): void {
    if (this.#rotation === undefined) return
    this.#timer ??= this.#world.setInterval(() => this.#rotate(), this.#rotation).unref()
    this.#keys ??= this.#newKeys()
    process.send({ type: 'ticket-keys', keys: this.#keys })
  }

  close(): void {
    this.#world.clearInterval(this.#timer)
  }

  #rotate(): void {
    const keys = (this.#keys = this.#newKeys())
    for (const process of this.#processes()) process.send({ type: 'ticket-keys', keys })
  }

  #newKeys(): string {
    return this.#world.randomBytes(SIZE).toString('base64')
  }
}
