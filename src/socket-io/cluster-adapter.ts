// Socket.IO's cluster adapter, the only import of its package. What is inside a message travels serialized, and outside
// stays only what the primary's relay reads: so the primary does not take it apart and put it together for each worker, and
// over a channel that speaks JSON binary is not an object of numbers and a Map not {}.
import type * as ClusterAdapter from '@socket.io/cluster-adapter'
import { deserialize } from 'node:v8'
import type { AdapterFactory } from './adapter-message.ts'
import { beforeClose } from './adapter-guards.ts'
import { requireOptional } from '../redis/optional.ts'
import { serializePlain } from './plain.ts'

/** How messages get to the other workers and back. */
export interface Line {
  /** Of the channel: JSON has no bytes. */
  readonly serialization: 'json' | 'advanced'
  send(message: object): void
  /** Where they do not come by process.on('message'), which the adapter listens to itself. @returns ends it */
  listen?(listener: (message: { nsp: string }) => void): () => void
  /** Somebody else's message can not be read; it is dropped. */
  unreadable(error: unknown): void
}

/** @throws StickyError HOLDFAST_MISSING_PACKAGE */
export function clusterAdapter(line: Line): AdapterFactory {
  const name = '@socket.io/cluster-adapter'
  const { NodeClusterAdapter } = requireOptional(name, 'Socket.IO over the primary') as typeof ClusterAdapter
  class PackedAdapter extends NodeClusterAdapter {
    override doPublish(message: object) {
      line.send(pack(message, line.serialization))
      // Where in a history it is: there is none.
      return Promise.resolve('')
    }

    override doPublishResponse(requesterUid: string, response: object) {
      line.send({ ...pack(response, line.serialization), requesterUid })
      return Promise.resolve()
    }

    override onMessage(message: Message): void {
      let unpacked: Message
      try {
        unpacked = unpack(message)
      } catch (error) {
        return line.unreadable(error) // a host with a newer Node, at most
      }
      super.onMessage(unpacked)
    }
  }
  // Socket.IO calls it with `new`, so it can not be an arrow function.
  return function create(namespace: unknown) {
    const before = new Set(process.listeners('message'))
    const adapter = new PackedAdapter(namespace)
    const added = process.listeners('message').filter((listener) => !before.has(listener))
    const end = line.listen?.((message) => {
      if (message.nsp === adapter.nsp.name) adapter.onMessage(message as Message)
    })
    // The adapter itself listens for ever, and would be counted among the nodes again.
    beforeClose(adapter, () => {
      for (const listener of added) process.off('message', listener)
      end?.()
    })
    return adapter
  }
}

type Message = Parameters<ClusterAdapter.NodeClusterAdapter['onMessage']>[0]

/** What travels. A message without data, such as a heartbeat, is all outside. */
interface Packed {
  source: '_sio_adapter'
  uid: string
  nsp: string
  type: number
  /** The message, serialized by V8; in base64 on a channel that speaks JSON. */
  packed?: Uint8Array | string
}

function pack(message: object, serialization: 'json' | 'advanced'): Packed {
  const { uid, nsp, type, data } = message as Packed & { data?: unknown }
  const outside = { source: '_sio_adapter', uid, nsp, type } as const
  if (data === undefined) return outside
  const bytes = serializePlain(data)
  return { ...outside, packed: serialization === 'json' ? bytes.toString('base64') : bytes }
}

function unpack(message: Message): Message {
  const { packed, ...outside } = message as Partial<Packed>
  if (packed === undefined) return message
  const data: unknown = deserialize(typeof packed === 'string' ? Buffer.from(packed, 'base64') : packed)
  return { ...outside, data } as Message
}
