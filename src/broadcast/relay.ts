// The primary's part in Socket.IO's cluster adapter: passes its messages on between workers. The adapter's own set-up
// needs node:cluster workers; ours are plain child processes.

/** Whoever can get a message. */
interface Recipient {
  relay(message: unknown): void
}

/** The adapter marks its messages so, and answers carry the uid of the node that asked. */
interface AdapterMessage {
  source: '_sio_adapter'
  /** One node per worker and namespace. */
  uid: unknown
  nsp: unknown
  requesterUid?: unknown
}

/** MessageType.ADAPTER_CLOSE in socket.io-adapter 2.5; versions that do not know it ignore it. */
const ADAPTER_CLOSE = 13

export interface Relay<R> {
  /** Takes what a worker sent; anything that is not the adapter's is left alone. */
  pass(from: R, message: unknown): void
  /** A worker has ended: says so to the others, on behalf of its nodes. */
  gone(worker: R): void
}

export function relaySocketIO<R extends Recipient>(others: () => Iterable<R>): Relay<R> {
  // Which nodes a worker holds is learned from their first messages (every node says hello when it starts).
  const nodes = new Map<R, Map<unknown, unknown>>()
  return {
    pass(from, message) {
      if (!isAdapterMessage(message)) return
      const own = nodes.get(from) ?? new Map<unknown, unknown>()
      nodes.set(from, own.set(message.uid, message.nsp))
      for (const worker of others()) {
        const wanted = message.requesterUid === undefined || nodes.get(worker)?.has(message.requesterUid) === true
        if (worker !== from && wanted) worker.relay(message)
      }
    },
    gone(gone) {
      // Without it the others would wait for the dead worker's answers, and fetchSockets() reject, until its heartbeat
      // has been missing for 10 s.
      for (const [uid, nsp] of nodes.get(gone) ?? []) {
        const goodbye = { source: '_sio_adapter', type: ADAPTER_CLOSE, uid, nsp }
        for (const worker of others()) if (worker !== gone) worker.relay(goodbye)
      }
      nodes.delete(gone)
    },
  }
}

function isAdapterMessage(message: unknown): message is AdapterMessage {
  return typeof message === 'object' && message !== null && Reflect.get(message, 'source') === '_sio_adapter'
}
