// Connections over Node's own IPC channel: works everywhere, and is the fallback.
//
// Node queues what it can not send yet without a bound; it loses that queue when the channel closes, and tells nobody. So
// few are sent at a time (ipc-window.ts says how many), and none is forgotten before the worker has it.
//
// Node itself answers each handle inside the channel (NODE_HANDLE_ACK, or NACK when the worker has no descriptors
// left); node:cluster relies on the same messages. Where they are seen, a second answer of our own is saved: it would be
// a third of the cost. Until they have been seen on this very channel the worker answers by itself. It always does on the
// channel of a node:cluster worker: there the application and node:cluster pass handles as well, and Node's answers do
// not say to which.
import type { PrimaryChannel, WorkerChannel } from '../ipc/channel.ts'
import { answerIn, IpcWindow } from './ipc-window.ts'
import { sendToPrimary, sendToWorker } from '../ipc/send.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { AcceptedConnection, ReceiverEvents, Sender, SenderEvents, Transport } from './transport.ts'
import { Unacknowledged, type Acknowledged } from './unacknowledged.ts'
import type { World } from '../world.ts'

type Clock = Pick<World, 'now'>

/** @param isShared - others pass handles over the same channels too, as node:cluster does */
export function nodeIpc(world: Clock, { isShared = false } = {}): Transport {
  return {
    name: 'node-ipc',
    // A message per connection: structured clone would cost twice as much of it.
    serialization: 'json',
    // The channel is there anyway.
    endpoint: () => ({
      inherit: [],
      forked() {},
      sender: (channel, events) => new NodeIpcSender(channel, events, world, isShared),
      close() {},
    }),
  }
}

class NodeIpcSender implements Sender {
  readonly #channel: WorkerChannel
  readonly #events: SenderEvents
  readonly #clock: Clock
  readonly #sent = new Unacknowledged()
  readonly #window: IpcWindow
  /** Each removes a handler of a message. */
  readonly #handlers: readonly (() => void)[]
  #full = false
  #closed = false
  /** When the worker first owed the answer it still owes. */
  #owesSince: number | undefined
  #probed = false
  /** Node's own answers so far, a uint32: the number of the connection that the next one is for. */
  #answers = 0

  constructor(channel: WorkerChannel, events: SenderEvents, clock: Clock, isShared: boolean) {
    this.#channel = channel
    this.#clock = clock
    this.#events = events
    const { child } = channel
    this.#window = new IpcWindow(child, isShared)
    this.#handlers = [
      channel.on('ack', ({ seq }) => this.#acknowledged(seq)),
      channel.on('probe-answer', ({ seq }) => this.#alive(seq)),
    ]
    if (!isShared) child.on('internalMessage', this.#receiveInternal)
    child.on('disconnect', this.#gone)
  }

  get unacknowledged(): number {
    return this.#sent.size
  }

  send(connection: AcceptedConnection): boolean {
    const isLong = connection.metadata !== undefined
    if (this.#closed || !this.#channel.connected || !this.#window.hasRoom(this.#sent.size, isLong)) {
      this.#full = true
      return false
    }
    this.#owesSince ??= this.#clock.now()
    sendToWorker(this.#channel.child, this.#sent.add(connection), connection.handle, connection.metadata)
    this.#window.sent(isLong)
    return true
  }

  silence(now: number, patience: number): number {
    if (this.#owesSince === undefined) return 0
    const silence = now - this.#owesSince
    if (silence > patience && !this.#probed) {
      this.#probed = true
      this.#channel.send({ type: 'probe', seq: (this.#sent.next - 1) >>> 0 })
    }
    return silence
  }

  end(): void {
    this.#channel.send({ type: 'no-more-connections' })
  }

  close(): AcceptedConnection[] {
    this.#closed = true
    this.#window.close()
    for (const remove of this.#handlers) remove()
    this.#channel.child.off('internalMessage', this.#receiveInternal)
    this.#channel.child.off('disconnect', this.#gone)
    return this.#sent.clear()
  }

  #acknowledged(seq: number): void {
    if (this.#answers > seq) this.#channel.send({ type: 'stop-acks' })
    this.#answered(this.#sent.arrived(seq))
  }

  #alive(seq: number): void {
    this.#probed = false
    // Node never answers a handle that could not be written, and reports no error. Its answers may be ahead of this message.
    if (((seq + 1 - this.#answers) | 0) > 0) this.#answers = (seq + 1) >>> 0
    this.#answered(this.#sent.past(seq))
  }

  /** Handles are answered in the order in which they were sent, so counting tells which one this is. */
  readonly #receiveInternal = (raw: unknown): void => {
    const answer = answerIn(raw)
    if (answer === undefined) return
    const seq = this.#answers
    this.#answers = (seq + 1) >>> 0
    this.#answered(answer === 'taken' ? this.#sent.arrived(seq) : this.#sent.past(seq))
  }

  #answered({ taken, lost }: Acknowledged): void {
    this.#owesSince = this.#sent.size > 0 || this.#probed ? this.#clock.now() : undefined
    if (this.#sent.size === 0) this.#window.allArrived()
    if (taken.length > 0) this.#events.taken(taken)
    if (lost.length > 0) this.#events.lost(lost)
    if (this.#full && this.#window.isLow(this.#sent.size)) {
      this.#full = false
      this.#events.room()
    }
  }

  readonly #gone = (): void => {
    if (this.#closed) return
    this.#closed = true
    this.#events.gone()
  }
}

/** The worker's end: handles the connections that come over the channel to the primary. */
export function receiveNodeIpc(channel: PrimaryChannel, events: ReceiverEvents): void {
  let quiet = false
  channel.on('stop-acks', () => (quiet = true))
  channel.on('probe', ({ seq }) => sendToPrimary({ type: 'probe-answer', seq }))
  channel.on('no-more-connections', () => events.end())
  channel.onConnection = (seq, { metadata }, handle) => {
    // A worker without descriptors gets the message without its handle. It is not acknowledged, so the primary sends it again.
    if (handle === undefined || handle === null) return
    if (!quiet) sendToPrimary({ type: 'ack', seq })
    const bytes = typeof metadata === 'string' ? Buffer.from(metadata, 'base64') : undefined
    events.connection(handle as TcpHandle, seq, bytes)
  }
}
