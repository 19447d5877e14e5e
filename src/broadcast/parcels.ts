// What is said in one turn of the loop and goes to the same channel travels as one.
import { sizeOf, type AdapterMessage } from './adapter-message.ts'

/** Messages for a channel, and about how many bytes they are. */
export interface Parcel {
  messages: AdapterMessage[]
  bytes: number
}

/** Bytes after which a parcel goes at once. */
const FULL = 256 * 1024

export class Parcels {
  readonly #parcels = new Map<string, Parcel>()
  readonly #ship: (channel: string, parcel: Parcel) => void
  #shipping: NodeJS.Immediate | undefined

  constructor(ship: (channel: string, parcel: Parcel) => void) {
    this.#ship = ship
  }

  add(channel: string, message: AdapterMessage): void {
    const parcel = this.#parcels.get(channel) ?? { messages: [], bytes: 0 }
    this.#parcels.set(channel, parcel)
    parcel.messages.push(message)
    parcel.bytes += sizeOf(message)
    if (parcel.bytes > FULL) this.flush()
    else this.#shipping ??= setImmediate(() => this.flush())
  }

  flush(): void {
    clearImmediate(this.#shipping)
    this.#shipping = undefined
    const parcels = [...this.#parcels]
    this.#parcels.clear()
    for (const [channel, parcel] of parcels) this.#ship(channel, parcel)
  }
}
