// A received connection becomes a 'connection' of the application's server, as if the server had accepted it.
import { Server, Socket } from 'node:net'
import { StickyError } from '../errors.ts'
import type { Address } from '../ipc/messages.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import { decodeMetadata, type Moved } from '../transport/metadata.ts'
import { ListeningHandle } from './listening-handle.ts'
import { applyProxyHeader } from './proxy-info.ts'

/** What `listen()` passes on. For a path, `host` is the path, and `port` and `family` are -1. */
export type ListenArguments = [
  host: string | null,
  port: number,
  family: number | null,
  backlog: number,
  fd?: number,
  flags?: number,
]

/** Properties of a listening net.Server that its type does not have. */
export interface ServerInside {
  _handle: ListeningHandle | null
  /** Opens the socket, unless there is a handle. */
  _listen2?: (...args: ListenArguments) => void
  /** Changes with each call of `listen()` and `close()`. */
  _listeningId?: number
  _connections: number
  _emitCloseIfDrained?: () => void
}

/**
 * Gives a connection to the server.
 *
 * @param metadata - what travelled with the connection, see transport/metadata.ts
 */
export type ServeConnection = (handle: TcpHandle, metadata?: Buffer) => void

/**
 * Makes the server listen to the connections that the returned function is called with.
 *
 * As in node:cluster, the server gets a handle that is no socket, and Node's own accept code runs for each connection. So
 * `listening`, `address()`, `close()`, `getConnections()`, `maxConnections` with its 'drop' event, `noDelay`, `keepAlive`
 * and half-open connections are the server's own, in every kind of server.
 *
 * @param server - one that the command has adopted listens already
 * @param address - what `server.address()` returns; undefined for a path, which Node itself knows
 * @param onClose - called when the application calls `server.close()`; not called for an adopted server
 * @throws StickyError HOLDFAST_TARGET_LISTENS
 */
export function attach(server: Server, address: Address | undefined, onClose: () => void): ServeConnection {
  const inside = server as Server & ServerInside
  const listening = isAdopted(server) ? inside._handle : listen(inside, address, onClose)
  const serve = (handle: TcpHandle): void => {
    if (listening?.onconnection !== undefined && inside._handle === listening) listening.onconnection(0, handle)
    else emitConnection(inside, handle)
  }
  const serveWithMetadata = withMetadata(server, serve)
  return (handle, metadata) => (metadata === undefined ? serve(handle) : serveWithMetadata(handle, metadata))
}

/** Whether the server listens, and is one that the command has adopted. */
export function isAdopted(server: Server): boolean {
  const handle: unknown = Reflect.get(server, '_handle')
  return handle instanceof ListeningHandle && handle.isAdopted
}

function listen(server: Server & ServerInside, address: Address | undefined, onClose: () => void): ListeningHandle {
  if (server.listening) throw new StickyError('HOLDFAST_TARGET_LISTENS', 'leave the call out; stickyListen does it')
  const listening = new ListeningHandle(address, { onClose })
  server._handle = listening
  if (typeof server._listen2 === 'function') server._listen2(null, 0, 4, 0)
  else process.nextTick(() => server.emit('listening'))
  return listening
}

/** Node's accept code makes the socket and emits 'connection', so a listener before the application's gets the socket. */
function withMetadata(
  server: Server,
  serve: (handle: TcpHandle) => void,
): (handle: TcpHandle, metadata: Buffer) => void {
  let onSocket: ((socket: Socket) => void) | undefined
  let isListening = false
  return (handle, metadata) => {
    if (!isListening) server.prependListener('connection', (socket: Socket) => onSocket?.(socket))
    isListening = true
    const { header, head, moved } = decodeMetadata(metadata)
    const setHeader = header === undefined ? undefined : applyProxyHeader(handle, header)
    onSocket = (socket) => {
      setHeader?.(socket)
      if (moved !== undefined) setMoved(socket, moved)
      if (head !== undefined) socket.unshift(head)
    }
    try {
      serve(handle)
    } finally {
      // Also where a listener of the application throws: the metadata is not the next connection's.
      onSocket = undefined
    }
  }
}

/**
 * Emits 'connection' where Node's accept code cannot: after `server.close()`, because a connection that was accepted is
 * served, and in a Node without this code.
 */
export function emitConnection(server: Server & Pick<ServerInside, '_connections'>, handle: TcpHandle): void {
  const allowHalfOpen = Reflect.get(server, 'allowHalfOpen') === true
  const socket = new Socket({ handle, allowHalfOpen } as object)
  // `server.close()` waits for this count. Node takes an ended socket off the count only where `_server` is set.
  server._connections++
  Object.assign(socket, { server, _server: server })
  server.emit('connection', socket)
}

const MOVED: unique symbol = Symbol('holdfast.moved')

/** Read for every request; a property costs a tenth of what Reflect.get() does. */
type MaybeMoved = Socket & { [MOVED]?: Moved }

/** @returns how another worker transferred the connection; undefined where it came from the client */
export function movedOf(socket: MaybeMoved): Moved | undefined {
  return socket[MOVED]
}

function setMoved(socket: MaybeMoved, moved: Moved): void {
  socket[MOVED] = moved
}
