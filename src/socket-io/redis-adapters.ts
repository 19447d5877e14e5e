// Socket.IO's adapters over Redis' publish and subscribe, the only import of their package.
import type * as RedisAdapter from '@socket.io/redis-adapter'
import { requireOptional } from '../redis/optional.ts'
import type { AdapterClients } from './adapter-clients.ts'
import { countSafely, makePlain } from './adapter-guards.ts'
import type { AdapterFactory } from './adapter-message.ts'
import { encodeAtTheCall, sendAtTheCall, type SendingAdapter } from './at-the-call.ts'
import { plain } from './plain.ts'

/**
 * @param isSharded - over the sharded publish and subscribe of Redis 7, with a channel per room: a worker gets only the
 *   broadcasts of its own rooms
 * @throws StickyError HOLDFAST_MISSING_PACKAGE
 */
export function redisAdapter(
  { publisher, subscriber }: AdapterClients,
  channelPrefix: string,
  isSharded: boolean,
): AdapterFactory {
  const name = '@socket.io/redis-adapter'
  const { createShardedAdapter, RedisAdapter: Classic } = requireOptional(
    name,
    'Socket.IO over Redis',
  ) as typeof RedisAdapter
  if (!isSharded) {
    const PlainAdapter = plainAdapter(Classic)
    const options = { key: channelPrefix, publishOnSpecificResponseChannel: true }
    // Socket.IO calls this with `new`, so it cannot be an arrow function.
    return function create(namespace: unknown) {
      return new PlainAdapter(namespace, publisher, subscriber, options)
    }
  }
  const create = createShardedAdapter(publisher, subscriber, { channelPrefix })
  return function createPlain(namespace: unknown) {
    const adapter = create(namespace)
    makePlain(adapter, 'doPublish', 0)
    makePlain(adapter, 'doPublishResponse', 1)
    sendAtTheCall(adapter, false)
    countSafely(adapter)
    return adapter
  }
}

/** The members of the classic adapter that are used here; most of them are private in the types of its package. */
interface ClassicAdapter {
  readonly requestChannel: string
  /** By id: requests of this node that wait for answers. */
  readonly requests: ReadonlyMap<string, unknown>
  onrequest(channel: Buffer, bytes: Buffer): Promise<void>
  publishResponse(request: FetchRequest, response: string): void
  fetchSockets(options: object): Promise<FoundSocket[]>
  serverSideEmitWithAck(packet: unknown[]): Promise<void>
}

interface FetchRequest {
  type: number
  uid: string
  requestId: string
  opts: { rooms: string[]; except: string[] }
}

interface FoundSocket {
  id: string
  handshake: object
  rooms: ReadonlySet<string>
  data: unknown
}

/** RequestType.REMOTE_FETCH in @socket.io/redis-adapter: another server asks for the sockets of this one. */
const REMOTE_FETCH = 5

type Callback = (error: unknown, ...more: unknown[]) => void

/**
 * The classic adapter with plain data. It writes JSON of `socket.data`, where an error of JSON.stringify() would end the
 * worker. Its errors for the arguments of serverSideEmit() and the answers are thrown at the calls of the application.
 *
 * @param classic - the class of the adapter
 */
function plainAdapter(classic: unknown): new (...args: unknown[]) => object {
  const Base = classic as new (...args: unknown[]) => ClassicAdapter
  return class PlainAdapter extends Base {
    constructor(...args: unknown[]) {
      super(...args)
      encodeAtTheCall(this as unknown as SendingAdapter)
      countSafely(this)
    }

    /**
     * Answers a fetch request here, because the adapter has no method between reading `socket.data` and writing JSON.
     */
    override async onrequest(channel: Buffer, bytes: Buffer): Promise<void> {
      const request = channel.toString().startsWith(this.requestChannel) ? readFetchRequest(bytes) : undefined
      if (request === undefined) return super.onrequest(channel, bytes)
      const { requestId, opts } = request
      if (this.requests.has(requestId)) return // its own
      const [rooms, except] = [new Set(opts.rooms), new Set(opts.except)]
      const found = await super.fetchSockets({ rooms, except, flags: { local: true } })
      this.publishResponse(request, JSON.stringify(plain({ requestId, sockets: found.map(described) })))
    }

    /**
     * Passes an error, such as that Redis is away, to the callback; the adapter ignores it, and no answer would come.
     */
    override async serverSideEmitWithAck(packet: unknown[]): Promise<void> {
      const callback = packet.at(-1) as Callback
      let isAnswered = false
      const answer: Callback = (...args) => {
        isAnswered = true
        callback(...args)
      }
      try {
        await super.serverSideEmitWithAck([...packet.slice(0, -1), answer])
      } catch (error) {
        if (isAnswered) throw error // the callback itself has thrown it
        callback(error)
      }
    }
  }
}

function readFetchRequest(bytes: Buffer): FetchRequest | undefined {
  // Most messages are of other types, and the adapter reads them itself.
  if (!bytes.includes(`"type":${REMOTE_FETCH},`)) return undefined
  try {
    const request = JSON.parse(bytes.toString()) as FetchRequest
    return request.type === REMOTE_FETCH ? request : undefined
  } catch {
    return undefined // the adapter ignores it
  }
}

/** The fields that the adapter sends. The store of sessions in the handshake belongs to the application. */
function described({ id, handshake, rooms, data }: FoundSocket): object {
  return { id, handshake: { ...handshake, sessionStore: undefined }, rooms: [...rooms], data }
}
