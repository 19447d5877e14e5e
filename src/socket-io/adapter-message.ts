// The messages of Socket.IO's cluster adapter, as far as whoever passes them on has to know them.

/** What `io.adapter()` takes. Each adapter's package has a class of its own, and they have no name in common here. */
export type AdapterFactory = (namespace: unknown) => object

export interface AdapterMessage {
  /** The adapter marks its messages so. */
  source: '_sio_adapter'
  /** The node that says it: one per worker and namespace. */
  uid: string
  nsp: string
  /** MessageType in socket.io-adapter. */
  type: number
  /** An answer has the uid of the node that asked. */
  requesterUid?: string
  /** What it says; in base64 where the channel speaks JSON. */
  packed?: Uint8Array | string
}

export function isAdapterMessage(message: unknown): message is AdapterMessage {
  return typeof message === 'object' && message !== null && Reflect.get(message, 'source') === '_sio_adapter'
}

/** About how many bytes it is; what is outside counts as 128. */
export function sizeOf({ packed }: AdapterMessage): number {
  return 128 + (packed?.length ?? 0)
}

/** A node is there: MessageType.HEARTBEAT. */
const HEARTBEAT = 2

/** A node is gone: MessageType.ADAPTER_CLOSE in socket.io-adapter 2.5; versions that do not know it ignore it. */
const ADAPTER_CLOSE = 13

/** On behalf of a node that others have to know. */
export function present(uid: string, nsp: string): AdapterMessage {
  return { source: '_sio_adapter', type: HEARTBEAT, uid, nsp }
}

/**
 * On behalf of a node that can not say it. Without it the others would wait for its answers, and fetchSockets() reject,
 * until its heartbeat has been missing for 10 s.
 */
export function goodbye(uid: string, nsp: string): AdapterMessage {
  return { source: '_sio_adapter', type: ADAPTER_CLOSE, uid, nsp }
}

/** The nodes of one process or host, with their namespaces; learned from what they say. */
export class Nodes extends Map<string, string> {
  learn({ uid, nsp, type }: AdapterMessage): void {
    if (type === ADAPTER_CLOSE) this.delete(uid)
    else if (this.get(uid) === undefined) this.set(uid, nsp)
  }
}
