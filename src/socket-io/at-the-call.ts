// What an application sends takes effect at the call, as it does without an adapter: data that cannot be sent throws
// there and reaches no client, the clients of this worker get the data as it is then, and in the order of the calls.
// Some adapters encode the data for these clients only after Redis has answered, when nothing can catch an error.
import { snapshot, type PlainOptions } from './plain.ts'

/** A message of Socket.IO to clients. */
interface Packet {
  type: number
  data: unknown[]
  nsp?: string
  /** Present where clients acknowledge the message. */
  id?: number
}

interface Targets {
  rooms: Iterable<unknown>
  except?: Iterable<unknown>
  flags?: Flags
}

interface Flags {
  local?: boolean
  volatile?: boolean
}

interface Encoder {
  encode(packet: Packet): unknown[]
}

/** The members of an adapter that are used here. */
export interface SendingAdapter {
  readonly nsp: { readonly name: string; readonly server: { readonly opts: object } }
  encoder: Encoder
  broadcast(packet: Packet, targets: Targets): unknown
  broadcastWithAck(packet: Packet, ...rest: unknown[]): unknown
  serverSideEmit(args: unknown[]): unknown
}

/** An adapter that extends ClusterAdapter of socket.io-adapter. */
interface ClusterSendingAdapter extends SendingAdapter {
  publish(message: object): unknown
  publishAndReturnOffset(message: object): Promise<string>
  addOffsetIfNecessary(...args: unknown[]): void
}

/** MessageType.BROADCAST in socket.io-adapter. */
const BROADCAST = 3

/** PacketType.EVENT in socket.io-parser. */
const EVENT = 2

/**
 * Levels around the arguments of serverSideEmit() in a message of an adapter: the message, its data, the packet; and
 * one to spare.
 */
const LEVELS_AROUND = 4

/**
 * Encodes a broadcast for the clients of this worker before the adapter sends it to the others. The encoder is the one
 * that is used without an adapter, so it throws the same errors; the adapter gets its result instead of encoding again.
 *
 * @param limits - of the adapter's own encoder, for messages between servers
 */
export function encodeAtTheCall(adapter: SendingAdapter, limits: PlainOptions = {}): void {
  const { encoder, nsp } = adapter
  const broadcast = adapter.broadcast.bind(adapter)
  const broadcastWithAck = adapter.broadcastWithAck.bind(adapter)
  const serverSideEmit = adapter.serverSideEmit.bind(adapter)
  /** By packet: the result for this namespace and id. */
  const encoded = new WeakMap<Packet, { id: number | undefined; length: number; packets: unknown[] }>()
  const encode = (packet: Packet, id?: number): void => {
    const packets = encoder.encode({ ...packet, nsp: nsp.name, ...(id === undefined ? {} : { id }) })
    encoded.set(packet, { id, length: packet.data.length, packets })
  }
  adapter.encoder = {
    encode(packet) {
      const found = encoded.get(packet)
      encoded.delete(packet)
      const isSame = found !== undefined && found.id === packet.id && found.length === packet.data.length
      return isSame ? found.packets : encoder.encode(packet)
    },
  }
  adapter.broadcast = (packet, targets) => {
    // A dynamic namespace gives the same packet to the adapters of all its namespaces.
    const own = { ...packet, nsp: nsp.name }
    encode(own)
    return broadcast(own, targets)
  }
  // The adapter counts the ids in `_ids`. Socket.IO reads the id from the packet afterwards, so the packet is not copied.
  adapter.broadcastWithAck = (packet, ...rest) => {
    encode(packet, Reflect.get(nsp, '_ids') as number)
    return broadcastWithAck(packet, ...rest)
  }
  const maxDepth = limits.maxDepth === undefined ? {} : { maxDepth: limits.maxDepth - LEVELS_AROUND }
  adapter.serverSideEmit = (args) => {
    const callback = args.at(-1)
    const data = snapshot(typeof callback === 'function' ? args.slice(0, -1) : args, { ...limits, ...maxDepth })
    return serverSideEmit(typeof callback === 'function' ? [...data, callback] : data)
  }
}

/**
 * Also delivers a broadcast to the clients of this worker in the same turn, which ClusterAdapter does after its message
 * to the other servers was answered.
 *
 * @param hasHistory - whether the adapter numbers the broadcasts for clients that reconnect: then a broadcast that such
 *   a client may get again waits for its number
 */
export function sendAtTheCall(given: object, hasHistory: boolean, limits?: PlainOptions): void {
  const adapter = given as ClusterSendingAdapter
  const toOwnClients = localBroadcast(adapter)
  const isNumbered = ({ type, id }: Packet, { volatile }: Flags): boolean => {
    const canReconnect = Reflect.get(adapter.nsp.server.opts, 'connectionStateRecovery') !== undefined
    return hasHistory && canReconnect && type === EVENT && id === undefined && volatile === undefined
  }
  const sendNumbered = (packet: Packet, targets: Targets): void => {
    const { data } = packet
    const numbered = adapter.publishAndReturnOffset(messageOf(packet, targets)).then(
      (number) => [...data, number],
      () => data,
    )
    void numbered.then((all) => toOwnClients({ ...packet, data: all }, targets))
  }
  if (!hasHistory) adapter.addOffsetIfNecessary = () => {}
  adapter.broadcast = (packet, targets) => {
    const { flags = {} } = targets
    if (flags.local === true) return toOwnClients(packet, targets)
    if (isNumbered(packet, flags)) return sendNumbered({ ...packet, data: snapshot(packet.data) }, targets)
    adapter.publish(messageOf(packet, targets))
    return toOwnClients(packet, targets)
  }
  encodeAtTheCall(adapter, limits)
}

function messageOf(packet: Packet, { rooms, except = [], flags }: Targets): object {
  return { type: BROADCAST, data: { packet, opts: { rooms: [...rooms], except: [...except], flags } } }
}

/** The method `broadcast` of the class that all adapters extend: it serves the clients of this process. */
function localBroadcast(adapter: SendingAdapter): (packet: Packet, targets: Targets) => unknown {
  let found: unknown
  for (let one: unknown = adapter; typeof one === 'object' && one !== null; one = Object.getPrototypeOf(one)) {
    if (Object.hasOwn(one, 'broadcast')) found = Reflect.get(one, 'broadcast')
  }
  return (packet, targets) => Reflect.apply(found as SendingAdapter['broadcast'], adapter, [packet, targets])
}
