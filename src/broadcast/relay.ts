// The primary's part in Socket.IO's cluster adapter: passes its messages on between workers. The adapter's own set-up
// needs node:cluster workers; ours are plain child processes.

/** Whoever can get a message. */
interface Recipient {
  relay(message: unknown): void
}

/** The adapter marks its messages so, and answers carry the uid of the node that asked. */
interface AdapterMessage {
  source: '_sio_adapter'
  uid: unknown
  requesterUid?: unknown
}

/** @returns takes what a worker sent; anything that is not the adapter's is left alone */
export function relaySocketIO<R extends Recipient>(others: () => Iterable<R>): (from: R, message: unknown) => void {
  // Which worker a uid lives in is learned from its first message (every node says hello when it starts).
  const uids = new WeakMap<R, Set<unknown>>()
  return (from, message) => {
    if (!isAdapterMessage(message)) return
    const own = uids.get(from) ?? new Set()
    uids.set(from, own.add(message.uid))
    for (const worker of others()) {
      const wanted = message.requesterUid === undefined || uids.get(worker)?.has(message.requesterUid) === true
      if (worker !== from && wanted) worker.relay(message)
    }
  }
}

function isAdapterMessage(message: unknown): message is AdapterMessage {
  return typeof message === 'object' && message !== null && Reflect.get(message, 'source') === '_sio_adapter'
}
