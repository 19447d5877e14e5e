// An emitter for the application's listeners: what they throw is logged and ends nothing of ours.
import { EventEmitter } from 'node:events'
import type { Logger } from './logger.ts'

export class SafeEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<Events> {
  readonly #logger: Logger

  constructor(logger: Logger) {
    // An async listener fails by a rejected promise, which ends a process as well if nobody catches it.
    super({ captureRejections: true })
    this.#logger = logger
  }

  protected tell<K extends keyof Events & string>(event: K, ...args: Events[K]): void {
    // Without a listener an 'error' would be thrown.
    const emitter = this as EventEmitter
    if (emitter.listenerCount(event) === 0) return
    try {
      emitter.emit(event, ...args)
    } catch (error) {
      this.#failed(event, error)
    }
  }

  override [EventEmitter.captureRejectionSymbol](error: Error, ...[event]: readonly unknown[]): void {
    this.#failed(String(event), error)
  }

  #failed(event: string, error: unknown): void {
    this.#logger.error('listener.failed', { event, error })
  }
}
