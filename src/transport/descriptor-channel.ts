// Connections in batches over a Unix socket pair: Linux only, cheap. The connections that the primary accepts for one
// worker in one turn of the event loop travel in one frame, and one receipt acknowledges them.
import { EndOfTurn } from '../async/end-of-turn.ts'
import { loadLibc, type Libc } from '../native/libc.ts'
import { MAX_DESCRIPTORS } from '../native/scm-rights.ts'
import { localHandles, tcpHandles } from '../native/tcp-handle.ts'
import type { World } from '../world.ts'
import {
  FRAME,
  MAX_PAYLOAD,
  openPair,
  openWorkerLink,
  PrimaryLink,
  type LinkEvents,
  type LinkPair,
} from './descriptor-link.ts'
import { isLocal, metadataOfBatch, nextBatch } from './metadata.ts'
import type { AcceptedConnection, Endpoint, ReceiverEvents, Sender, SenderEvents, Transport } from './transport.ts'
import { Unacknowledged, type Answered } from './unacknowledged.ts'

/** Connections on their way to one worker, at most; further ones wait in the primary. */
const MAX_IN_FLIGHT = 512

/** The first descriptor that a worker inherits after stdin, stdout, stderr and the IPC channel. */
const FIRST_INHERITED = 4

export function descriptorChannel(libc: Libc, world: World): Transport {
  return { name: 'descriptor-channel', serialization: 'advanced', endpoint: () => openEndpoint(libc, world) }
}

function openEndpoint(libc: Libc, world: World): Endpoint {
  const pair = openPair(libc)
  let primary: LinkPair['primary'] | undefined = pair.primary
  let worker: LinkPair['worker'] | undefined = pair.worker
  const closeAll = (descriptors: readonly number[] = []): void => {
    for (const fd of descriptors) libc.close(fd)
  }
  const openLink = (events: LinkEvents): PrimaryLink => {
    const ends = primary
    if (ends === undefined) throw new Error('this endpoint is in use already')
    primary = undefined
    return new PrimaryLink(libc, ends, events)
  }
  return {
    inherit: pair.worker,
    afterFork() {
      closeAll(worker)
      worker = undefined
    },
    sender: (_channel, events) => new DescriptorSender(openLink, events, world),
    link: openLink,
    close() {
      closeAll(primary)
      closeAll(worker)
      primary = worker = undefined
    },
  }
}

/** What the sender needs of its link. */
export type SenderLink = Pick<PrimaryLink, 'send' | 'probe' | 'end' | 'close'>

/** The primary's end. Each connection is in the outbox until its frame is sent, and then unacknowledged. */
export class DescriptorSender implements Sender {
  readonly #events: SenderEvents
  readonly #world: World
  readonly #link: SenderLink
  readonly #sent = new Unacknowledged()
  readonly #outbox: AcceptedConnection[] = []
  readonly #flushing: EndOfTurn
  /** Whether `send()` has returned false, and `onRoom()` is due. */
  #isFull = false
  /** Whether the worker is to be told that nothing will follow. */
  #isEnding = false
  #isClosed = false
  /** Since when the worker has owed an answer; undefined while it owes none. */
  #owesSince: number | undefined
  #isProbed = false

  /** @param openLink - opens the primary's end of the link */
  constructor(openLink: (events: LinkEvents) => SenderLink, events: SenderEvents, world: World) {
    this.#events = events
    this.#world = world
    this.#flushing = new EndOfTurn(() => this.#flush(), world)
    this.#link = openLink({
      onReceipt: (seq, undelivered) => this.#answered(this.#sent.acknowledgeThrough(seq, undelivered)),
      onClosed: () => {
        this.#isClosed = true
        events.onClosed()
      },
    })
  }

  get unacknowledged(): number {
    return this.#sent.size + this.#outbox.length
  }

  send(connection: AcceptedConnection): boolean {
    if (this.#isClosed || this.unacknowledged >= MAX_IN_FLIGHT) {
      this.#isFull = true
      return false
    }
    this.#outbox.push(connection)
    // At the end of the turn everything that waits in the backlog was accepted.
    this.#flushing.schedule()
    return true
  }

  silence(now: number, patience: number): number {
    // A frame that found the link full is sent with the next receipt, or here where no receipt is due.
    this.#flush()
    if (this.#owesSince === undefined) return 0
    const silence = now - this.#owesSince
    if (silence > patience && !this.#isProbed) {
      this.#isProbed = true
      this.#link.probe()
    }
    return silence
  }

  end(): void {
    this.#isEnding = true
    this.#flush()
  }

  close(): AcceptedConnection[] {
    this.#flushing.cancel()
    this.#isClosed = true
    // Reads the receipts that have arrived: the worker has the connections that they name.
    this.#link.close()
    return [...this.#sent.clear(), ...this.#outbox.splice(0)]
  }

  #flush(): void {
    this.#flushing.cancel()
    while (this.#outbox.length > 0 && !this.#isClosed) {
      const { connections, payload } = nextBatch(this.#outbox, MAX_DESCRIPTORS, MAX_PAYLOAD)
      const descriptors = connections.map(({ fd }) => fd)
      if (!this.#link.send(FRAME.connections, this.#sent.next, descriptors, payload)) return
      this.#outbox.splice(0, connections.length)
      for (const connection of connections) this.#sent.add(connection)
      this.#owesSince ??= this.#world.now()
    }
    if (this.#isEnding && !this.#isClosed) {
      this.#isEnding = false
      this.#link.end()
    }
  }

  #answered({ acknowledged, undelivered }: Answered): void {
    this.#isProbed = false
    this.#owesSince = this.#sent.size > 0 ? this.#world.now() : undefined
    if (acknowledged.length > 0) this.#events.onAcknowledged(acknowledged)
    if (undelivered.length > 0) this.#events.onUndelivered(undelivered)
    if (this.#outbox.length > 0) this.#flush()
    if (this.#isFull && this.unacknowledged < MAX_IN_FLIGHT) {
      this.#isFull = false
      this.#events.onRoom()
    }
  }
}

/**
 * Opens the worker's end.
 *
 * @throws Error where there are no system calls, unlike in the primary that chose this transport
 */
export function receiveDescriptors(events: ReceiverEvents): void {
  const { libc, reason } = loadLibc()
  if (libc === undefined) throw new Error(`descriptor-channel: ${reason}`)
  const open = tcpHandles(libc)
  const openLocal = localHandles(libc)
  openWorkerLink(
    libc,
    [FIRST_INHERITED, FIRST_INHERITED + 1],
    ({ kind, seq, descriptors, payload }) => {
      if (kind === FRAME.connections) {
        const metadata = metadataOfBatch(payload, descriptors.length)
        for (const [i, fd] of descriptors.entries()) {
          const handle = isLocal(metadata[i]) ? openLocal(fd) : open(fd)
          events.onConnection(handle, (seq + i) >>> 0, metadata[i])
        }
      }
      if (kind === FRAME.slotSockets && payload !== undefined) {
        events.onSlotSockets?.(numbersIn(payload, descriptors.length), descriptors)
      }
    },
    () => events.onEnd(),
  )
}

function numbersIn(payload: Buffer, count: number): number[] {
  return Array.from({ length: count }, (_, i) => payload.readUInt16LE(i * 2))
}
