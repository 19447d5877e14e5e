// Socket.IO's cluster adapter, the only import of its package. Over a channel that speaks JSON binary would arrive as an
// object of numbers and a Map as {}: there, what is inside a message travels as text, and outside stays only what the
// primary's relay reads.
import type * as ClusterAdapter from '@socket.io/cluster-adapter'
import { deserialize, serialize } from 'node:v8'
import { requireOptional } from './optional.ts'

/**
 * @param serialization - of Node's channel to the primary
 * @returns what `io.adapter()` takes
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function clusterAdapter(serialization: 'json' | 'advanced') {
  const name = '@socket.io/cluster-adapter'
  const adapter = requireOptional(name, 'Socket.IO over the primary') as typeof ClusterAdapter
  return serialization === 'json' ? packedAdapter(adapter) : adapter.createAdapter()
}

/** What the adapter publishes and gets, as far as it is looked at here. */
type Message = Parameters<ClusterAdapter.NodeClusterAdapter['onMessage']>[0]

/** A message with its inside packed. */
interface Packed {
  uid: string
  nsp: string
  /** The message, serialized by V8, in base64. */
  packed: string
}

/** Makes the adapter's own class pack and unpack. */
function packedAdapter({
  NodeClusterAdapter,
}: typeof ClusterAdapter): (namespace: unknown) => ClusterAdapter.NodeClusterAdapter {
  class PackedAdapter extends NodeClusterAdapter {
    override doPublish(message: Parameters<ClusterAdapter.NodeClusterAdapter['doPublish']>[0]) {
      return super.doPublish(pack(message))
    }

    override doPublishResponse(
      ...[requester, response]: Parameters<ClusterAdapter.NodeClusterAdapter['doPublishResponse']>
    ) {
      return super.doPublishResponse(requester, pack(response))
    }

    override onMessage(message: Message): void {
      super.onMessage(unpack(message))
    }
  }
  // Socket.IO calls it with `new`, so it can not be an arrow function.
  return function create(namespace: unknown) {
    return new PackedAdapter(namespace)
  }
}

function pack<M extends object>(message: M & Omit<Packed, 'packed'>): M {
  const { uid, nsp } = message
  const packed: Packed = { uid, nsp, packed: serialize(message).toString('base64') }
  return packed as unknown as M
}

/** What the primary says on behalf of a worker that has ended is not packed. */
function unpack<M extends object>(message: M): M {
  if (!('packed' in message)) return message
  return deserialize(Buffer.from(String(message.packed), 'base64')) as M
}
