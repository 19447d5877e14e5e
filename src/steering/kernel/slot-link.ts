// The slot sockets that one worker process has, and the messages that give and take them. A socket is known by its number
// (ipc/listen-target.ts), which has the listener and the slot.
import type { WorkerChannel } from '../../ipc/channel.ts'
import { MAX_DESCRIPTORS } from '../../native/scm-rights.ts'
import { FRAME, MAX_PAYLOAD, type PrimaryLink } from '../../transport/descriptor-link.ts'
import { nextBatch } from '../../transport/metadata.ts'
import type { AcceptedConnection, Endpoint } from '../../transport/transport.ts'

export interface SlotLinkEvents {
  /** The process has received sockets or connections, or it no longer listens on the sockets with these numbers. */
  onProgress(released: readonly number[]): void
  /** The process did not get the sockets with these numbers, because it had no descriptors left. */
  onUndelivered(numbers: readonly number[]): void
  /** The process cannot be reached any more. */
  onClosed(): void
}

/** A frame that was sent and that the process has not confirmed. */
interface SentFrame {
  /** Sequence number of its last descriptor. */
  lastSeq: number
  /** The numbers of the sockets in the frame. */
  numbers: readonly number[]
  /** The connection that is in the frame instead. */
  connection?: AcceptedConnection
}

/** The primary's view of one process in kernel steering. */
export class SlotLink {
  readonly worker: number
  /** Whether the process gets no more sockets, because it is to finish. */
  isRetired = false
  readonly #channel: WorkerChannel
  readonly #link: PrimaryLink
  readonly #removeHandler: () => void
  readonly #events: SlotLinkEvents
  /** Oldest first. */
  readonly #sent: SentFrame[] = []
  /** Connections that found the link full, oldest first. */
  readonly #waiting: AcceptedConnection[] = []
  /** The sockets that the process has, and listens on. */
  readonly #sockets = new Set<number>()
  /** Those of them that it was asked to release. */
  readonly #releasing = new Set<number>()
  /** Sequence number of the next descriptor, a uint32. */
  #nextSeq = 0
  #isEnded = false
  /** Since when the process has owed an answer, on the monotonic clock. */
  #askedAt: number | undefined

  constructor(worker: number, channel: WorkerChannel, endpoint: Endpoint, events: SlotLinkEvents) {
    if (endpoint.link === undefined) throw new Error('kernel steering needs the descriptor channel')
    this.worker = worker
    this.#channel = channel
    this.#events = events
    this.#link = endpoint.link({
      onReceipt: (seq, undelivered) => this.#confirmed(seq, undelivered),
      onClosed: () => events.onClosed(),
    })
    this.#removeHandler = channel.on('slots-released', ({ slots }) => this.#released(slots))
  }

  /** Whether the process has no sockets, and nothing is on its way to it. */
  get isIdle(): boolean {
    return this.#sent.length === 0 && this.#waiting.length === 0 && this.#sockets.size === 0
  }

  /** Number of connections that the process has not confirmed. */
  get pending(): number {
    return this.#waiting.length + this.#sent.filter(({ connection }) => connection !== undefined).length
  }

  /**
   * Whether the process was asked to release the socket and has not answered. Its socket must not be sent meanwhile:
   * socket and question travel on different channels, and the socket could overtake the question.
   */
  isReleasing(number: number): boolean {
    return this.#releasing.has(number)
  }

  /**
   * Sends the sockets with these numbers. Those that cannot be sent are reported as undelivered.
   *
   * @param descriptorOf - returns the descriptor of a socket
   */
  sendSockets(numbers: readonly number[], descriptorOf: (number: number) => number): void {
    for (let i = 0; i < numbers.length; i += MAX_DESCRIPTORS) {
      const batch = numbers.slice(i, i + MAX_DESCRIPTORS)
      const descriptors = batch.map(descriptorOf)
      const payload = Buffer.from(Uint16Array.from(batch).buffer)
      if (!this.#link.send(FRAME.slotSockets, this.#nextSeq, descriptors, payload)) {
        return this.#events.onUndelivered(numbers.slice(i))
      }
      this.#nextSeq = (this.#nextSeq + batch.length) >>> 0
      this.#sent.push({ lastSeq: (this.#nextSeq - 1) >>> 0, numbers: batch })
    }
  }

  /** Sends a connection as soon as there is room for it, and closes it here when it has arrived. */
  sendConnection(connection: AcceptedConnection): void {
    this.#waiting.push(connection)
    this.flush()
  }

  /** Sends the connections that wait. To be called regularly. */
  flush(): void {
    let connection: AcceptedConnection | undefined
    while ((connection = this.#waiting[0]) !== undefined) {
      const { payload } = nextBatch([connection], 1, MAX_PAYLOAD)
      if (!this.#link.send(FRAME.connections, this.#nextSeq, [connection.fd], payload)) return
      this.#waiting.shift()
      this.#sent.push({ lastSeq: this.#nextSeq, numbers: [], connection })
      this.#nextSeq = (this.#nextSeq + 1) >>> 0
    }
  }

  /**
   * Asks the process to release those of the sockets that it has. Sockets that are still on their way are left out;
   * steering asks for them when they have arrived.
   *
   * @param acceptQueued - the process accepts the queued connections first, because no other process will
   */
  requestRelease(numbers: readonly number[], acceptQueued = false): void {
    const requested = numbers.filter((number) => this.#sockets.has(number) && !this.#releasing.has(number))
    if (requested.length === 0) return
    for (const number of requested) this.#releasing.add(number)
    this.#channel.send({ type: 'release-slots', slots: requested, acceptQueued })
  }

  /** Asks for a sign of life, unless the process owes an answer already. @param now - on the monotonic clock */
  probe(now: number): void {
    if (this.#askedAt !== undefined) return
    this.#askedAt = now
    this.#link.probe()
  }

  /** For how many milliseconds the process has owed an answer; 0 while it owes none. */
  silence(now: number): number {
    return this.#askedAt === undefined ? 0 : now - this.#askedAt
  }

  /** Tells a retired process that has no sockets left, once, that nothing will follow. */
  endIfIdle(): void {
    if (!this.isRetired || !this.isIdle) return
    if (!this.#isEnded) this.#link.end()
    this.#isEnded = true
  }

  /** @returns the connections that the process did not confirm */
  close(): AcceptedConnection[] {
    this.#removeHandler()
    this.#link.close()
    return [...this.#sent.flatMap(({ connection }) => connection ?? []), ...this.#waiting]
  }

  /** The process has all descriptors up to `seq`, without the last `undelivered` ones. */
  #confirmed(seq: number, undelivered: number): void {
    this.#askedAt = undefined
    let missing: number[] = []
    while (this.#sent[0] !== undefined && (seq - this.#sent[0].lastSeq) >>> 0 < 0x80000000) {
      const { lastSeq, numbers, connection } = this.#sent.shift() as SentFrame
      // Also where the process had no descriptor for the connection: the client connects again.
      connection?.close()
      const arrived = lastSeq === seq ? numbers.length - undelivered : numbers.length
      for (const number of numbers.slice(0, arrived)) this.#sockets.add(number)
      missing = [...missing, ...numbers.slice(arrived)]
    }
    this.flush()
    if (missing.length > 0) this.#events.onUndelivered(missing)
    else this.#events.onProgress([])
  }

  #released(numbers: readonly number[]): void {
    for (const number of numbers) {
      this.#sockets.delete(number)
      this.#releasing.delete(number)
    }
    this.#events.onProgress(numbers)
  }
}
