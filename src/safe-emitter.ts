// An event emitter for the application's listeners. An error of a listener is logged and stops nothing.
import { EventEmitter } from 'node:events'
import type { Logger } from './logger.ts'

export class SafeEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<Events> {
  readonly #logger: Logger

  constructor(logger: Logger) {
    // An unhandled rejection of an async listener would end the process.
    super({ captureRejections: true })
    this.#logger = logger
  }

  /** Calls the listeners of an event. Without listeners nothing happens, not even for 'error'. */
  protected tell<K extends keyof Events & string>(event: K, ...args: Events[K]): void {
    const emitter = this as EventEmitter
    if (emitter.listenerCount(event) === 0) return
    try {
      emitter.emit(event, ...args)
    } catch (error) {
      this.#failed(event, error)
    }
  }

  /** The same, and resolves when the promises that listeners returned are settled. */
  protected async tellAndWait<K extends keyof Events & string>(event: K, ...args: Events[K]): Promise<void> {
    const results = (this as EventEmitter).rawListeners(event).map(async (listener) => {
      try {
        await (Reflect.apply(listener, this, args) as unknown)
      } catch (error) {
        this.#failed(event, error)
      }
    })
    await Promise.all(results)
  }

  override [EventEmitter.captureRejectionSymbol](error: Error, ...[event]: readonly unknown[]): void {
    this.#failed(String(event), error)
  }

  #failed(event: string, error: unknown): void {
    this.#logger.error('listener.failed', { event, error })
  }
}
