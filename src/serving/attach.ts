// A received connection becomes a 'connection' of the application's server, as if the server had accepted it.
import { Server, Socket } from 'node:net'
import { StickyError } from '../errors.ts'
import type { Address } from '../ipc/messages.ts'
import { decodeMetadata, type Moved } from '../transport/metadata.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import { pretend } from './proxy-info.ts'

/** What stands where a listening server keeps its socket: says the public address, and hears of close(). */
interface ListeningHandle {
  listen(): number
  getsockname(out: object): number
  close(done?: () => void): void
  ref(): void
  unref(): void
  /** Set by Node; makes the server's socket out of a handle and emits 'connection'. */
  onconnection?: (this: ListeningHandle, status: number, handle: TcpHandle) => void
}

/** The parts of net.Server that a listening one has and the types do not tell. */
interface ServerInside {
  _handle: ListeningHandle | null
  _listen2?: (address: string | null, port: number, family: number, backlog: number) => void
  _connections: number
}

/** @param metadata - what came along with the connection, packed */
export type TakeFunction = (handle: TcpHandle, metadata?: Buffer) => void

/**
 * Makes the server listen to what comes in through the returned function.
 *
 * Done the way node:cluster does it: the server gets a handle that is no socket, and Node's own accept code runs for
 * each connection. So `listening`, `address()`, `close()`, `getConnections()`, `maxConnections` with its 'drop' event,
 * `noDelay`, `keepAlive` and half-open connections are the server's own, in every kind of server.
 *
 * @param onclose - the application called `server.close()`
 * @throws StickyError HOLDFAST_TARGET_LISTENS
 */
export function attach(server: Server, address: Address, onclose: () => void): TakeFunction {
  if (server.listening) throw new StickyError('HOLDFAST_TARGET_LISTENS', 'leave the call out; stickyListen does it')
  const handle: ListeningHandle = {
    listen: () => 0,
    getsockname: (out) => {
      Object.assign(out, address)
      return 0
    },
    close: (done) => {
      onclose()
      if (done !== undefined) process.nextTick(() => done.call(handle))
    },
    ref() {},
    unref() {},
  }
  const inside = server as Server & ServerInside
  inside._handle = handle
  if (typeof inside._listen2 === 'function') inside._listen2(null, 0, 4, 0)
  else process.nextTick(() => server.emit('listening'))
  const take = (connection: TcpHandle): void => {
    if (handle.onconnection !== undefined && inside._handle === handle) handle.onconnection(0, connection)
    else emitConnection(inside, connection)
  }
  const takeWith = withMetadata(server, take)
  return (connection, metadata) => (metadata === undefined ? take(connection) : takeWith(connection, metadata))
}

/** The server's own code makes the socket and tells nobody but its listeners, so the first of them is ours. */
function withMetadata(
  server: Server,
  take: (handle: TcpHandle) => void,
): (handle: TcpHandle, metadata: Buffer) => void {
  let arriving: ((socket: Socket) => void) | undefined
  let isListening = false
  return (connection, metadata) => {
    if (!isListening) server.prependListener('connection', (socket: Socket) => arriving?.(socket))
    isListening = true
    const { header, head, moved } = decodeMetadata(metadata)
    const tell = header === undefined ? undefined : pretend(connection, header)
    arriving = (socket) => {
      tell?.(socket)
      if (moved !== undefined) setMoved(socket, moved)
      if (head !== undefined) socket.unshift(head)
    }
    try {
      take(connection)
    } finally {
      // Also where a listener of the application throws: it is not the next one's.
      arriving = undefined
    }
  }
}

/** For a Node that has no such code any more, and for what comes in after `server.close()`: it was accepted, so it is served. */
export function emitConnection(server: Server & Pick<ServerInside, '_connections'>, handle: TcpHandle): void {
  const allowHalfOpen = Reflect.get(server, 'allowHalfOpen') === true
  const socket = new Socket({ handle, allowHalfOpen } as object)
  // Node takes the socket off the count at its end only if `_server` is set, and `server.close()` waits for the count.
  server._connections++
  Object.assign(socket, { server, _server: server })
  server.emit('connection', socket)
}

const MOVED: unique symbol = Symbol('holdfast.moved')

/** Asked of each request, and a property costs a tenth of what Reflect.get() does. */
type Movable = Socket & { [MOVED]?: Moved }

/** How it came from another worker; undefined where it came from the client. */
export function movedOf(socket: Movable): Moved | undefined {
  return socket[MOVED]
}

function setMoved(socket: Movable, moved: Moved): void {
  socket[MOVED] = moved
}
