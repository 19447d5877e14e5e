// Sends broadcasts to one worker, up to a bound: a worker that hangs must not fill the memory of the primary.
import type { ChildProcess } from 'node:child_process'

/** Bytes of broadcasts that may wait in the channel to one worker. */
const MAX_RELAYING = 32 * 1024 * 1024

export class BoundedRelay {
  readonly #child: Pick<ChildProcess, 'connected' | 'send'>
  #relaying = 0
  #dropped = 0

  constructor(child: Pick<ChildProcess, 'connected' | 'send'>) {
    this.#child = child
  }

  /** Broadcasts that the worker did not get, because too many bytes waited for it. */
  get dropped(): number {
    return this.#dropped
  }

  relay(message: unknown, bytes: number): void {
    if (!this.#child.connected) return
    if (this.#relaying + bytes > MAX_RELAYING) return void this.#dropped++
    this.#relaying += bytes
    this.#child.send(message as object, () => (this.#relaying -= bytes))
  }
}
