// A socket whose session lives elsewhere goes to that worker, by way of the primary, with the bytes that were read. After
// that nothing is in between.
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Peer } from '../ipc/messages.ts'
import { MAX_METADATA, encodeMetadata, type Moved } from '../transport/metadata.ts'
import { sendSocket } from '../ipc/send.ts'
import { handleOf } from '../native/tcp-handle.ts'
import { proxyHeaderOf } from '../serving/proxy-info.ts'

const MOVED: unique symbol = Symbol('holdfast.moved')

/** Asked of each request, and a property costs a tenth of what Reflect.get() does. */
type Movable = Socket & { [MOVED]?: Moved }

/** How it came from another worker; undefined where it came from the client. */
export function movedOf(socket: Movable): Moved | undefined {
  return socket[MOVED]
}

export function setMoved(socket: Movable, moved: Moved): void {
  socket[MOVED] = moved
}

/** Whether its descriptor can be given away. */
export function isMovable(socket: Socket): boolean {
  // A TLS socket's handle is not the connection's; that of a Unix socket can be sent, but is not what workers expect.
  return socket instanceof Socket && handleOf(socket)?.constructor.name === 'TCP'
}

/**
 * Gives the socket away.
 *
 * @returns false where it can not be given: TLS ends in this process, too much was read, or there is no primary any more.
 *   Then nothing has changed.
 */
export function transferSocket(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  { instance }: Peer,
  moved: Moved,
): boolean {
  const handle = isMovable(socket) && process.connected ? handleOf(socket) : undefined
  if (handle === undefined) return false
  // What came while the request waited for its worker is in the stream.
  const later = Buffer.concat([...buffered(socket)])
  const read = Buffer.concat([requestHead(request), head, later])
  const metadata = encodeMetadata({ header: proxyHeaderOf(socket), head: read, moved })
  if (metadata.length > MAX_METADATA) {
    if (later.length > 0) socket.unshift(later)
    return false
  }
  // What comes from now on waits in the kernel.
  socket.pause()
  handle.readStop()
  Reflect.set(socket, '_handle', null)
  socket.destroy()
  sendSocket({ type: 'transfer', instance }, handle, metadata, () => handle.close())
  return true
}

/** From Node.js 26 on read() gives one chunk at a time. */
function* buffered(socket: Socket): Generator<Buffer> {
  for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) yield chunk
}

/** As it was sent, byte for byte but for spaces around values. */
export function requestHead({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}
