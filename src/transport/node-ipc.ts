// Connections over Node's own IPC channel: works on every platform, and is the fallback.
//
// Node queues without a bound what it cannot send yet, and loses that queue without an error when the channel closes.
// So only a few handles are sent at a time (ipc-window.ts), and none is forgotten before the worker has it.
//
// Node itself answers each handle inside the channel (NODE_HANDLE_ACK, or NACK when the worker has no descriptors
// left); node:cluster relies on the same messages. Where those answers are seen, the worker sends no `ack` of its own,
// which would be a third of the cost. Until they were seen on this very channel the worker does send `ack`. It always
// does on the channel of a node:cluster worker: there the application and node:cluster send handles as well, and Node's
// answers do not say to which handle they belong.
import type { PrimaryChannel, WorkerChannel } from '../ipc/channel.ts'
import { sendToPrimary, sendToWorker } from '../ipc/send.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { World } from '../world.ts'
import { handleAnswer, IpcWindow } from './ipc-window.ts'
import type { AcceptedConnection, ReceiverEvents, Sender, SenderEvents, Transport } from './transport.ts'
import { Unacknowledged, type Answered } from './unacknowledged.ts'

type Clock = Pick<World, 'now'>

/** @param isShared - whether node:cluster or the application sends handles over the same channels too */
export function nodeIpc(clock: Clock, { isShared = false } = {}): Transport {
  return {
    name: 'node-ipc',
    // There is a message per connection, and structured clone would cost twice as much for it.
    serialization: 'json',
    // The IPC channel is all that is needed.
    endpoint: () => ({
      inherit: [],
      afterFork() {},
      sender: (channel, events) => new NodeIpcSender(channel, events, clock, isShared),
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
  /** Each call removes a handler of a message. */
  readonly #removeHandlers: readonly (() => void)[]
  /** Whether `send()` has returned false, and `onRoom()` is due. */
  #isFull = false
  #isClosed = false
  /** Since when the worker has owed an answer; undefined while it owes none. */
  #owesSince: number | undefined
  #isProbed = false
  /** Sequence number of the connection that Node's next answer is for. */
  #nextAnswered = 0

  constructor(channel: WorkerChannel, events: SenderEvents, clock: Clock, isShared: boolean) {
    this.#channel = channel
    this.#clock = clock
    this.#events = events
    const { child } = channel
    this.#window = new IpcWindow(child, isShared)
    this.#removeHandlers = [
      channel.on('ack', ({ seq }) => this.#acknowledged(seq)),
      channel.on('probe-answer', ({ seq }) => this.#probeAnswered(seq)),
    ]
    if (!isShared) child.on('internalMessage', this.#onInternalMessage)
    child.on('disconnect', this.#onDisconnect)
  }

  get unacknowledged(): number {
    return this.#sent.size
  }

  send(connection: AcceptedConnection): boolean {
    const isLong = connection.metadata !== undefined
    if (this.#isClosed || !this.#channel.connected || !this.#window.hasRoom(this.#sent.size, isLong)) {
      this.#isFull = true
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
    if (silence > patience && !this.#isProbed) {
      this.#isProbed = true
      this.#channel.send({ type: 'probe', seq: (this.#sent.next - 1) >>> 0 })
    }
    return silence
  }

  end(): void {
    this.#channel.send({ type: 'no-more-connections' })
  }

  close(): AcceptedConnection[] {
    this.#isClosed = true
    this.#window.close()
    for (const remove of this.#removeHandlers) remove()
    this.#channel.child.off('internalMessage', this.#onInternalMessage)
    this.#channel.child.off('disconnect', this.#onDisconnect)
    return this.#sent.clear()
  }

  #acknowledged(seq: number): void {
    if (this.#nextAnswered > seq) this.#channel.send({ type: 'stop-acks' })
    this.#answered(this.#sent.acknowledge(seq))
  }

  #probeAnswered(seq: number): void {
    this.#isProbed = false
    // When the write of a handle has failed, Node reports no error and no answer comes, so the count is too low. The
    // count may also be ahead of this message, where Node has answered later handles already.
    if (((seq + 1 - this.#nextAnswered) | 0) > 0) this.#nextAnswered = (seq + 1) >>> 0
    this.#answered(this.#sent.missThrough(seq))
  }

  /** Node answers handles in the order in which they were sent, so counting tells which handle an answer is for. */
  readonly #onInternalMessage = (message: unknown): void => {
    const answer = handleAnswer(message)
    if (answer === undefined) return
    const seq = this.#nextAnswered
    this.#nextAnswered = (seq + 1) >>> 0
    this.#answered(answer === 'ack' ? this.#sent.acknowledge(seq) : this.#sent.missThrough(seq))
  }

  #answered({ acknowledged, undelivered }: Answered): void {
    this.#owesSince = this.#sent.size > 0 || this.#isProbed ? this.#clock.now() : undefined
    if (this.#sent.size === 0) this.#window.allArrived()
    if (acknowledged.length > 0) this.#events.onAcknowledged(acknowledged)
    if (undelivered.length > 0) this.#events.onUndelivered(undelivered)
    if (this.#isFull && this.#window.isHalfEmpty(this.#sent.size)) {
      this.#isFull = false
      this.#events.onRoom()
    }
  }

  readonly #onDisconnect = (): void => {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events.onClosed()
  }
}

/** Handles, in the worker, the connections that come over the channel to the primary. */
export function receiveNodeIpc(channel: PrimaryChannel, events: ReceiverEvents): void {
  let sendsAcks = true
  channel.on('stop-acks', () => (sendsAcks = false))
  channel.on('probe', ({ seq }) => sendToPrimary({ type: 'probe-answer', seq }))
  channel.on('no-more-connections', () => events.onEnd())
  channel.onConnection = (seq, { metadata }, handle) => {
    // In a process without descriptors the message arrives without its handle. It is not acknowledged, so the primary
    // sends the connection again.
    if (handle === undefined || handle === null) return
    if (sendsAcks) sendToPrimary({ type: 'ack', seq })
    const bytes = typeof metadata === 'string' ? Buffer.from(metadata, 'base64') : undefined
    events.onConnection(handle as TcpHandle, seq, bytes)
  }
}
