// The primary's part in Socket.IO's cluster adapter: passes its messages on between workers. The adapter's own primary
// side needs workers of node:cluster; Holdfast's are plain child processes.
import { envelope } from '../../ipc/messages.ts'
import { goodbye, isAdapterMessage, Nodes, sizeOf, type AdapterMessage } from '../adapter-message.ts'

/** A worker that can get messages. */
export interface Recipient {
  /** @param bytes - approximate size of the message */
  relay(message: object, bytes: number): void
}

export interface Relay<R> {
  /**
   * Passes on a message of a worker; a message that is not the adapter's is ignored.
   *
   * @param isWrapped - whether it came as a message of Holdfast's; where not, the worker gets such messages as they are
   */
  pass(from: R, message: unknown, isWrapped?: boolean): void
  /** A worker has ended: sends a goodbye to the others, on behalf of each of its nodes. */
  gone(worker: R): void
  /** Passes on a message of another host, to workers of this host only. */
  deliver(message: AdapterMessage): void
  /** @returns uid and namespace of every node of this host */
  nodes(): [uid: string, nsp: string][]
}

/** @param toOtherHosts - sends messages for nodes of other hosts */
export function relaySocketIO<R extends Recipient>(
  workers: () => Iterable<R>,
  toOtherHosts: (message: AdapterMessage) => void = () => {},
): Relay<R> {
  /** By worker: its nodes, which send a first message when they start. */
  const nodes = new Map<R, Nodes>()
  /** Whether the worker sends and gets messages wrapped. An adapter of the application's own listens to 'message'. */
  const wraps = new WeakMap<R, boolean>()
  const has = (worker: R, uid: string): boolean => nodes.get(worker)?.has(uid) === true
  const toWorkers = (message: AdapterMessage, from?: R): void => {
    const { requesterUid: requester } = message
    for (const worker of workers()) {
      if (worker !== from && (requester === undefined || has(worker, requester))) {
        // A worker that has sent nothing runs the same program, most likely.
        const isWrapped = wraps.get(worker) ?? (from === undefined || wraps.get(from))
        worker.relay(isWrapped ? envelope({ type: 'adapter-message', message }) : message, sizeOf(message))
      }
    }
  }
  return {
    pass(from, message, isWrapped = false) {
      if (!isAdapterMessage(message)) return
      wraps.set(from, isWrapped)
      const own = nodes.get(from) ?? new Nodes()
      own.learn(message)
      nodes.set(from, own)
      toWorkers(message, from)
      const { requesterUid: requester } = message
      if (requester === undefined || ![...nodes.keys()].some((worker) => has(worker, requester))) toOtherHosts(message)
    },
    gone(ended) {
      for (const [uid, nsp] of nodes.get(ended) ?? []) {
        toWorkers(goodbye(uid, nsp), ended)
        toOtherHosts(goodbye(uid, nsp))
      }
      nodes.delete(ended)
    },
    deliver: (message) => toWorkers(message),
    nodes: () => [...nodes.values()].flatMap((own) => [...own]),
  }
}
