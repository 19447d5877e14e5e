// Connections in batches over a Unix socket pair: Linux, cheap. What the loop accepts in one turn for one worker
// travels in one message, and one receipt answers it.
import { loadLibc, type Libc } from '../native/libc.ts'
import { MAX_DESCRIPTORS } from '../native/scm-rights.ts'
import {
  FRAME,
  MORE_SIZE,
  openPair,
  openWorkerLink,
  PrimaryLink,
  type LinkEvents,
  type LinkPair,
} from './descriptor-link.ts'
import { metadataOf, nextBatch } from './metadata.ts'
import { tcpHandles } from '../native/tcp-handle.ts'
import type { AcceptedConnection, Endpoint, ReceiverEvents, Sender, SenderEvents, Transport } from './transport.ts'
import { Unacknowledged, type Acknowledged } from './unacknowledged.ts'
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { World } from '../world.ts'

/** Connections on their way to one worker; what comes on top waits in the primary. */
const IN_FLIGHT = 512

/** The first descriptor after stdin, stdout, stderr and the IPC channel. */
const INHERITED = 4

export function descriptorChannel(libc: Libc, world: World): Transport {
  return { name: 'descriptor-channel', serialization: 'advanced', endpoint: () => openEndpoint(libc, world) }
}

function openEndpoint(libc: Libc, world: World): Endpoint {
  const { primary, worker } = openPair(libc)
  let ours: LinkPair['primary'] | undefined = primary
  let theirs: LinkPair['worker'] | undefined = worker
  const closeAll = (descriptors: readonly number[] = []) => {
    for (const fd of descriptors) libc.close(fd)
  }
  const take = () => {
    const ends = ours
    if (ends === undefined) throw new Error('this endpoint is in use already')
    ours = undefined
    return ends
  }
  return {
    inherit: worker,
    forked() {
      closeAll(theirs)
      theirs = undefined
    },
    sender: (_child, events) =>
      new DescriptorSender((linkEvents) => new PrimaryLink(libc, take(), linkEvents), events, world),
    link: (events) => new PrimaryLink(libc, take(), events),
    close() {
      closeAll(ours)
      closeAll(theirs)
      ours = theirs = undefined
    },
  }
}

/** What a sender needs of its link: see {@link PrimaryLink}. */
export type SenderLink = Pick<PrimaryLink, 'send' | 'probe' | 'end' | 'close'>

export class DescriptorSender implements Sender {
  readonly #events: SenderEvents
  readonly #world: World
  readonly #link: SenderLink
  readonly #sent = new Unacknowledged()
  #outbox: AcceptedConnection[] = []
  readonly #flushing: EndOfTurn
  #full = false
  #ending = false
  #closed = false
  /** When the worker first owed the answer it still owes. */
  #owesSince: number | undefined
  #probed = false

  /** @param openLink - opens the primary's end */
  constructor(openLink: (events: LinkEvents) => SenderLink, events: SenderEvents, world: World) {
    this.#events = events
    this.#world = world
    this.#flushing = new EndOfTurn(() => this.#flush(), world)
    this.#link = openLink({
      received: (seq, lost) => this.#received(this.#sent.arrivedThrough(seq, lost)),
      gone: () => {
        this.#closed = true
        events.gone()
      },
    })
  }

  get unacknowledged(): number {
    return this.#sent.size + this.#outbox.length
  }

  send(connection: AcceptedConnection): boolean {
    if (this.#closed || this.unacknowledged >= IN_FLIGHT) {
      this.#full = true
      return false
    }
    this.#outbox.push(connection)
    // At the end of this turn, when everything that waits in the backlog was accepted.
    this.#flushing.schedule()
    return true
  }

  silence(now: number, patience: number): number {
    // A message that did not go out is tried again with the next receipt; where none is due, here.
    this.#flush()
    if (this.#owesSince === undefined) return 0
    const silence = now - this.#owesSince
    if (silence > patience && !this.#probed) {
      this.#probed = true
      this.#link.probe()
    }
    return silence
  }

  end(): void {
    this.#ending = true
    this.#flush()
  }

  close(): AcceptedConnection[] {
    this.#flushing.cancel()
    this.#closed = true
    // Receipts that are still unread count: what they name is with the worker.
    this.#link.close()
    return [...this.#sent.clear(), ...this.#outbox.splice(0)]
  }

  #flush(): void {
    this.#flushing.cancel()
    while (this.#outbox.length > 0 && !this.#closed) {
      const { connections, more } = nextBatch(this.#outbox, MAX_DESCRIPTORS, MORE_SIZE)
      const descriptors = connections.map(({ fd }) => fd)
      if (!this.#link.send(FRAME.connections, this.#sent.next, descriptors, more)) return
      this.#outbox.splice(0, connections.length)
      for (const connection of connections) this.#sent.add(connection)
      this.#owesSince ??= this.#world.now()
    }
    if (this.#ending && !this.#closed) {
      this.#ending = false
      this.#link.end()
    }
  }

  #received({ taken, lost }: Acknowledged): void {
    this.#probed = false
    this.#owesSince = this.#sent.size > 0 ? this.#world.now() : undefined
    if (taken.length > 0) this.#events.taken(taken)
    if (lost.length > 0) this.#events.lost(lost)
    if (this.#outbox.length > 0) this.#flush()
    if (this.#full && this.unacknowledged < IN_FLIGHT) {
      this.#full = false
      this.#events.room()
    }
  }
}

/** The worker's end. @throws Error when the calls are not there; the primary would not have chosen this transport */
export function receiveDescriptors(events: ReceiverEvents): void {
  const { libc, reason } = loadLibc()
  if (libc === undefined) throw new Error(`descriptor-channel: ${reason}`)
  const open = tcpHandles(libc)
  openWorkerLink(
    libc,
    [INHERITED, INHERITED + 1],
    ({ kind, seq, descriptors, more }) => {
      if (kind === FRAME.connections) {
        const metadata = metadataOf(more, descriptors.length)
        for (const [i, fd] of descriptors.entries()) events.connection(open(fd), seq + i, metadata[i])
      }
      if (kind === FRAME.listeners && more !== undefined)
        events.listeners?.(slotsOf(more, descriptors.length), descriptors)
    },
    () => events.end(),
  )
}

function slotsOf(bytes: Buffer, count: number): number[] {
  return Array.from({ length: count }, (_, i) => bytes.readUInt16LE(i * 2))
}
