// Transfers a socket to the process that has its session, by way of the primary, together with the bytes that were read
// from it. After that this process is no longer between the client and the session.
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Peer } from '../ipc/messages.ts'
import { sendSocket } from '../ipc/send.ts'
import { handleOf } from '../native/tcp-handle.ts'
import { proxyHeaderOf } from '../serving/proxy-info.ts'
import { encodeMetadata, MAX_METADATA, type Moved } from '../transport/metadata.ts'

/** Whether the socket's descriptor can be sent to another worker. */
export function isMovable(socket: Socket): boolean {
  // The handle of a TLS socket is not the connection's. A Unix socket could be sent, but workers expect TCP.
  return socket instanceof Socket && handleOf(socket)?.constructor.name === 'TCP'
}

/**
 * Sends the socket to another worker, and destroys it here.
 *
 * @param head - the bytes that were read behind the request's head
 * @param peer - the process that gets the socket
 * @param moved - what that process is told about the transfer
 * @param listener - number of the listener of the server here: the one of the same listener gets the socket there
 * @returns false where the socket cannot be sent: TLS ends in this process, more bytes were read than can travel with the
 *   socket, or the primary is gone. The socket is unchanged then.
 */
export function transferSocket(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  { instance }: Peer,
  moved: Moved,
  listener: number,
): boolean {
  const handle = isMovable(socket) && process.connected ? handleOf(socket) : undefined
  if (handle === undefined) return false
  // What arrived while the request was held is in the socket's buffer.
  const buffered = Buffer.concat([...readAll(socket)])
  const bytes = Buffer.concat([requestHead(request), head, buffered])
  const metadata = encodeMetadata({ listener, header: proxyHeaderOf(socket), head: bytes, moved })
  if (metadata.length > MAX_METADATA) {
    if (buffered.length > 0) socket.unshift(buffered)
    return false
  }
  // What arrives from now on stays in the kernel.
  socket.pause()
  handle.readStop()
  Reflect.set(socket, '_handle', null)
  socket.destroy()
  sendSocket({ type: 'transfer', instance }, handle, metadata, () => handle.close())
  return true
}

/** From Node.js 26 on, `read()` returns one chunk at a time. */
function* readAll(socket: Socket): Generator<Buffer> {
  for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) yield chunk
}

/** The head of the request as the client sent it, byte for byte except for spaces around header values. */
export function requestHead({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}
