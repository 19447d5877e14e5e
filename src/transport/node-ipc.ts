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
import type { ChildProcess } from 'node:child_process'
import { isOurs, openForPrimary, openForWorker, type Envelope } from '../ipc/messages.ts'
import { answerIn, IpcWindow } from './ipc-window.ts'
import { sendToPrimary, sendToWorker } from '../ipc/send.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { Accepted, ReceiverEvents, Sender, SenderEvents, Transport } from './transport.ts'
import { Unacknowledged, type Acknowledged } from './unacknowledged.ts'

export const nodeIpc = nodeIpcTransport(false)

/** For channels over which others pass handles too. */
export const sharedNodeIpc = nodeIpcTransport(true)

function nodeIpcTransport(isShared: boolean): Transport {
  return {
    name: 'node-ipc',
    // A message per connection: structured clone would cost twice as much of it.
    serialization: 'json',
    // The channel is there anyway.
    endpoint: () => ({
      inherit: [],
      forked() {},
      sender: (child, events) => new NodeIpcSender(child, events, isShared),
      close() {},
    }),
  }
}

class NodeIpcSender implements Sender {
  readonly #child: ChildProcess
  readonly #events: SenderEvents
  readonly #sent = new Unacknowledged()
  readonly #window: IpcWindow
  #full = false
  #closed = false
  /** When the worker first owed the answer it still owes. */
  #owesSince: number | undefined
  #probed = false
  /** Node's own answers so far, a uint32: the number of the connection that the next one is for. */
  #answers = 0

  constructor(child: ChildProcess, events: SenderEvents, isShared: boolean) {
    this.#child = child
    this.#events = events
    this.#window = new IpcWindow(child, isShared)
    child.on('message', this.#receive)
    if (!isShared) child.on('internalMessage', this.#receiveInternal)
    child.on('disconnect', this.#gone)
  }

  get unacknowledged(): number {
    return this.#sent.size
  }

  send(connection: Accepted): boolean {
    const isLong = connection.metadata !== undefined
    if (this.#closed || !this.#child.connected || !this.#window.hasRoom(this.#sent.size, isLong)) {
      this.#full = true
      return false
    }
    this.#owesSince ??= performance.now()
    sendToWorker(this.#child, this.#sent.add(connection), connection.handle, connection.metadata)
    this.#window.sent(isLong)
    return true
  }

  silence(now: number, patience: number): number {
    if (this.#owesSince === undefined) return 0
    const silence = now - this.#owesSince
    if (silence > patience && !this.#probed) {
      this.#probed = true
      sendToWorker(this.#child, { type: 'probe', seq: (this.#sent.next - 1) >>> 0 })
    }
    return silence
  }

  end(): void {
    sendToWorker(this.#child, { type: 'end' })
  }

  close(): Accepted[] {
    this.#closed = true
    this.#window.close()
    this.#child.off('message', this.#receive)
    this.#child.off('internalMessage', this.#receiveInternal)
    this.#child.off('disconnect', this.#gone)
    return this.#sent.clear()
  }

  readonly #receive = (raw: unknown): void => {
    const message = openForPrimary(raw)
    if (message?.type === 'ack') {
      if (this.#answers > message.seq) sendToWorker(this.#child, { type: 'quiet' })
      this.#answered(this.#sent.arrived(message.seq))
    }
    if (message?.type === 'alive') {
      this.#probed = false
      // A handle that could not be written is never answered, and Node tells nobody. Answers may be ahead of this message.
      if (((message.seq + 1 - this.#answers) | 0) > 0) this.#answers = (message.seq + 1) >>> 0
      this.#answered(this.#sent.past(message.seq))
    }
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
    this.#owesSince = this.#sent.size > 0 || this.#probed ? performance.now() : undefined
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

/** The worker's end: listens on this process's channel from now on. */
export function receiveNodeIpc(events: ReceiverEvents): void {
  let quiet = false
  process.on('message', (raw: unknown, handle: unknown) => {
    if (isOurs(raw) && typeof raw.holdfast === 'number') return take(raw.holdfast, handle, raw)
    const message = openForWorker(raw)
    if (message?.type === 'quiet') quiet = true
    if (message?.type === 'probe') sendToPrimary({ type: 'alive', seq: message.seq })
    if (message?.type === 'end') events.end()
  })

  function take(seq: number, handle: unknown, { metadata }: Envelope<unknown>): void {
    // Out of descriptors the message comes without its handle; not acknowledged, it is sent again.
    if (handle === undefined || handle === null) return
    if (!quiet) sendToPrimary({ type: 'ack', seq })
    events.connection(
      handle as TcpHandle,
      seq,
      typeof metadata === 'string' ? Buffer.from(metadata, 'base64') : undefined,
    )
  }
}
