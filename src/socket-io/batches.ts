// What is said in one turn of the loop and goes to the same channel travels as one.
import { sizeOf, type AdapterMessage } from './adapter-message.ts'

/** Messages for a channel, and about how many bytes they are. */
export interface Batch {
  messages: AdapterMessage[]
  bytes: number
}

/** Bytes after which a batch goes at once. */
const FULL = 256 * 1024

export class Batches {
  readonly #batches = new Map<string, Batch>()
  readonly #send: (channel: string, batch: Batch) => void
  #flushing: NodeJS.Immediate | undefined

  constructor(send: (channel: string, batch: Batch) => void) {
    this.#send = send
  }

  add(channel: string, message: AdapterMessage): void {
    const batch = this.#batches.get(channel) ?? { messages: [], bytes: 0 }
    this.#batches.set(channel, batch)
    batch.messages.push(message)
    batch.bytes += sizeOf(message)
    if (batch.bytes > FULL) this.flush()
    else this.#flushing ??= setImmediate(() => this.flush())
  }

  flush(): void {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    const batches = [...this.#batches]
    this.#batches.clear()
    for (const [channel, batch] of batches) this.#send(channel, batch)
  }
}
