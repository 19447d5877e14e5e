// The messages of Socket.IO's cluster adapter: the fields that the primary reads when it passes them on.

/** The parameter of `io.adapter()`. The adapters' packages share no type for their classes. */
export type AdapterFactory = (namespace: unknown) => object

export interface AdapterMessage {
  /** The adapter's mark of its messages. */
  source: '_sio_adapter'
  /** The node that sends the message; there is one node per worker and namespace. */
  uid: string
  /** Name of the namespace. */
  nsp: string
  /** MessageType in socket.io-adapter. */
  type: number
  /** In an answer: the node that sent the request. */
  requesterUid?: string
  /** The content, serialized by V8; in base64 on a channel that carries JSON. Absent in messages without content. */
  packed?: Uint8Array | string
}

export function isAdapterMessage(message: unknown): message is AdapterMessage {
  return typeof message === 'object' && message !== null && Reflect.get(message, 'source') === '_sio_adapter'
}

/** The approximate size in bytes; everything but the content counts as 128. */
export function sizeOf({ packed }: AdapterMessage): number {
  return 128 + (packed?.length ?? 0)
}

/**
 * Whether the content of the message is what the application gave to emit(), to serverSideEmit() or to the callback of
 * it: BROADCAST, SERVER_SIDE_EMIT and SERVER_SIDE_EMIT_RESPONSE of MessageType. The adapter reads other content itself,
 * such as `socket.data`, and no call of the application waits for it.
 */
export function isOfCall(message: unknown): boolean {
  return typeof message === 'object' && message !== null && [3, 9, 10].includes(Reflect.get(message, 'type') as number)
}

/** MessageType.HEARTBEAT: the node exists. */
const HEARTBEAT = 2

/** MessageType.ADAPTER_CLOSE of socket.io-adapter 2.5: the node has ended. Older versions ignore it. */
const ADAPTER_CLOSE = 13

/** A heartbeat on behalf of a node that the other nodes do not know yet. */
export function present(uid: string, nsp: string): AdapterMessage {
  return { source: '_sio_adapter', type: HEARTBEAT, uid, nsp }
}

/**
 * A goodbye on behalf of a node that cannot send it any more. Without it the other nodes wait for its answers, and
 * fetchSockets() rejects, until its heartbeat has been missing for 10 s.
 */
export function goodbye(uid: string, nsp: string): AdapterMessage {
  return { source: '_sio_adapter', type: ADAPTER_CLOSE, uid, nsp }
}

/** The nodes of one process or host, by uid, with their namespaces; learned from the nodes' messages. */
export class Nodes extends Map<string, string> {
  learn({ uid, nsp, type }: AdapterMessage): void {
    if (type === ADAPTER_CLOSE) this.delete(uid)
    else if (this.get(uid) === undefined) this.set(uid, nsp)
  }
}
