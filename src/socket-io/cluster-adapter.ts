// Socket.IO's cluster adapter, the only import of its package. The content of a message travels serialized, beside the
// fields that the primary's relay reads: so the primary does not decode and encode it for each worker, and on a channel
// that carries JSON bytes do not become an object of numbers, nor a Map {}.
import type * as ClusterAdapter from '@socket.io/cluster-adapter'
import { deserialize } from 'node:v8'
import { isOfCall, type AdapterFactory } from './adapter-message.ts'
import { beforeClose } from './adapter-guards.ts'
import { requireOptional } from '../redis/optional.ts'
import { sendAtTheCall } from './at-the-call.ts'
import { serializePlain, serializeStrictlyPlain } from './plain.ts'

/** The way of messages to the other workers and back. */
export interface Line {
  /** Of the channel; JSON cannot express bytes. */
  readonly serialization: 'json' | 'advanced'
  send(message: object): void
  /** @returns ends the listening */
  listen(listener: (message: { nsp: string }) => void): () => void
  /** A message of another process cannot be read, and is dropped. */
  unreadable(error: unknown): void
}

/** @throws StickyError HOLDFAST_MISSING_PACKAGE */
export function clusterAdapter(line: Line): AdapterFactory {
  const name = '@socket.io/cluster-adapter'
  const { NodeClusterAdapter } = requireOptional(name, 'Socket.IO over the primary') as typeof ClusterAdapter
  class PackedAdapter extends NodeClusterAdapter {
    override doPublish(message: object) {
      line.send(pack(message, line.serialization))
      // The offset of the message in a history, which this adapter does not have.
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
        return line.unreadable(error) // for example from a host with a newer Node
      }
      super.onMessage(unpacked)
    }
  }
  // Socket.IO calls this with `new`, so it cannot be an arrow function.
  return function create(namespace: unknown) {
    const before = new Set(process.listeners('message'))
    const adapter = new PackedAdapter(namespace)
    const added = process.listeners('message').filter((listener) => !before.has(listener))
    // The messages arrive over the line. This listener would also take the application's first messages from it.
    for (const listener of added) process.off('message', listener)
    const stopListening = line.listen((message) => {
      if (message.nsp === adapter.nsp.name) adapter.onMessage(message as Message)
    })
    sendAtTheCall(adapter, false)
    // The adapter itself never stops listening, and would count as a node again with its next answer.
    beforeClose(adapter, stopListening)
    return adapter
  }
}

type Message = Parameters<ClusterAdapter.NodeClusterAdapter['onMessage']>[0]

/** A message as it travels. A message without data, such as a heartbeat, has no `packed`. */
interface Packed {
  source: '_sio_adapter'
  uid: string
  nsp: string
  type: number
  /** The data of the message, serialized by V8; in base64 on a channel that carries JSON. */
  packed?: Uint8Array | string
}

function pack(message: object, serialization: 'json' | 'advanced'): Packed {
  const { uid, nsp, type, data } = message as Packed & { data?: unknown }
  const fields = { source: '_sio_adapter', uid, nsp, type } as const
  if (data === undefined) return fields
  const bytes = isOfCall(message) ? serializeStrictlyPlain(data) : serializePlain(data)
  return { ...fields, packed: serialization === 'json' ? bytes.toString('base64') : bytes }
}

function unpack(message: Message): Message {
  const { packed, ...fields } = message as Partial<Packed>
  if (packed === undefined) return message
  const data: unknown = deserialize(typeof packed === 'string' ? Buffer.from(packed, 'base64') : packed)
  return { ...fields, data } as Message
}
