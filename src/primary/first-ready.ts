// The end of the start: when every worker has been ready once.
import type { StickyError } from '../errors.ts'

export class FirstReady {
  readonly #missing = new Set<number>()
  #settle = { ready: (): void => {}, failed: (_: StickyError): void => {} }

  /** Resolves when workers 0 to n-1 have been ready; rejects with what `failed` is called with before. */
  all(workers: number): Promise<void> {
    for (let id = 0; id < workers; id++) this.#missing.add(id)
    return new Promise((ready, failed) => (this.#settle = { ready, failed }))
  }

  ready(worker: number): void {
    this.#missing.delete(worker)
    if (this.#missing.size === 0) this.#settle.ready()
  }

  /** There will be no workers any more. */
  failed(error: StickyError): void {
    this.#settle.failed(error)
  }
}
