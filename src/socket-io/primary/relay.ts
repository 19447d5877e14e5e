// The primary's part in Socket.IO's cluster adapter: passes its messages on between workers. The adapter's own set-up
// needs node:cluster workers; ours are plain child processes.
import { goodbye, isAdapterMessage, Nodes, sizeOf, type AdapterMessage } from '../adapter-message.ts'

/** Whoever can get a message. */
export interface Recipient {
  /** @param bytes - about how many they are */
  relay(message: unknown, bytes: number): void
}

export interface Relay<R> {
  /** Takes what a worker sent; anything that is not the adapter's is left alone. */
  pass(from: R, message: unknown): void
  /** A worker has ended: says so to the others, on behalf of its nodes. */
  gone(worker: R): void
  /** Takes what came from another host: it goes to workers here, and never further. */
  deliver(message: AdapterMessage): void
  /** Uid and namespace of every node here. */
  nodes(): [uid: string, nsp: string][]
}

/** @param abroad - gets what is for other hosts, too, where there are some */
export function relaySocketIO<R extends Recipient>(
  workers: () => Iterable<R>,
  abroad: (message: AdapterMessage) => void = () => {},
): Relay<R> {
  // Which nodes a worker holds is learned from their first messages (every node says hello when it starts).
  const nodes = new Map<R, Nodes>()
  const has = (worker: R, uid: string): boolean => nodes.get(worker)?.has(uid) === true
  const toOthers = (message: AdapterMessage, from?: R): void => {
    const { requesterUid: asker } = message
    for (const worker of workers()) {
      if (worker !== from && (asker === undefined || has(worker, asker))) worker.relay(message, sizeOf(message))
    }
  }
  return {
    pass(from, message) {
      if (!isAdapterMessage(message)) return
      const own = nodes.get(from) ?? new Nodes()
      own.learn(message)
      nodes.set(from, own)
      toOthers(message, from)
      const { requesterUid: asker } = message
      if (asker === undefined || ![...nodes.keys()].some((worker) => has(worker, asker))) abroad(message)
    },
    gone(gone) {
      for (const [uid, nsp] of nodes.get(gone) ?? []) {
        toOthers(goodbye(uid, nsp), gone)
        abroad(goodbye(uid, nsp))
      }
      nodes.delete(gone)
    },
    deliver: (message) => toOthers(message),
    nodes: () => [...nodes.values()].flatMap((own) => [...own]),
  }
}
