// A connection in the primary, from the moment it is accepted until a worker process has acknowledged it.
import type { Socket } from 'node:net'
import { bytesKey, parseAddress } from '../affinity/address.ts'
import { parseProxyHeader } from '../affinity/proxy-header.ts'
import type { WorkerChannel } from '../ipc/channel.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { AffinitySettings } from '../options/settings.ts'
import { slotOfKey } from '../slots/hash.ts'
import { decodeMetadata, clearFinal, listenerIn } from '../transport/metadata.ts'
import type { AcceptedConnection } from '../transport/transport.ts'

/** A connection that was just accepted. Nothing was read from it. */
export interface IncomingConnection extends AcceptedConnection {
  /** Node's handle over the connection, to read from it. `close()` closes the handle too. */
  openHandle(): TcpHandle
}

/** A connection that Node accepted, or that a worker sent back to the primary. */
export class HandleConnection implements IncomingConnection {
  readonly fd: number
  readonly handle: TcpHandle
  listener = 0
  slot = 0
  seq = 0
  key = ''
  acceptedAt = 0
  metadata: Buffer | undefined
  recipient: WorkerChannel | undefined
  #closable: TcpHandle | Socket

  /** @param closable - what `close()` closes: the socket that holds the handle, where there is one */
  constructor(handle: TcpHandle, closable: TcpHandle | Socket = handle) {
    this.fd = handle.fd
    this.handle = handle
    this.#closable = closable
  }

  openHandle(): TcpHandle {
    const socket = this.#closable
    this.#closable = this.handle
    if ('destroy' in socket) {
      // The server no longer counts the socket, and the handle stays open.
      Reflect.set(socket, '_handle', null)
      socket.destroy()
    }
    return this.handle
  }

  close(): void {
    if ('destroy' in this.#closable) this.#closable.destroy()
    else this.#closable.close()
  }
}

/** What {@link DescriptorConnection} needs of the system. */
export interface DescriptorCalls {
  close(fd: number): void
  /** Makes a handle of Node's over the descriptor. */
  open(fd: number): TcpHandle
}

/**
 * A connection that was accepted by a system call. A class, and not an object with closures: there is one per
 * connection.
 */
export class DescriptorConnection implements IncomingConnection {
  readonly fd: number
  handle: TcpHandle | undefined
  listener = 0
  slot = 0
  seq = 0
  key = ''
  acceptedAt = 0
  metadata: Buffer | undefined
  recipient: WorkerChannel | undefined
  readonly #calls: DescriptorCalls

  constructor(fd: number, calls: DescriptorCalls) {
    this.fd = fd
    this.#calls = calls
  }

  openHandle(): TcpHandle {
    this.handle = this.#calls.open(this.fd)
    return this.handle
  }

  close(): void {
    if (this.handle === undefined) this.#calls.close(this.fd)
    else this.handle.close()
  }
}

/**
 * A connection that a worker sent back to the primary, because the session of its requests is in another process.
 *
 * @param recipient - that process; undefined when it has ended: the client's address then chooses a worker
 * @param metadata - encoded
 * @param now - milliseconds on the monotonic clock
 */
export function transferredConnection(
  recipient: WorkerChannel | undefined,
  handle: TcpHandle,
  metadata: Buffer,
  affinity: AffinitySettings,
  now: number,
): HandleConnection {
  const connection = new HandleConnection(handle)
  connection.metadata = metadata
  connection.listener = listenerIn(metadata)
  connection.recipient = recipient
  connection.acceptedAt = now
  const address = clientInProxyHeader(metadata) ?? peerAddress(handle)
  if (address !== undefined) {
    const key = bytesKey(address, affinity)
    connection.key = key.toString('hex')
    connection.slot = slotOfKey(key, affinity.seed)
  }
  if (recipient === undefined) freeFromRecipient(connection)
  return connection
}

/**
 * Frees the connection from its recipient, which takes no more: any other worker gets it and routes its requests again.
 */
export function freeFromRecipient(connection: AcceptedConnection): void {
  connection.recipient = undefined
  if (connection.metadata !== undefined) connection.metadata = clearFinal(connection.metadata)
}

/** The address at the other end, 4 or 16 bytes; undefined when the client has reset the connection. */
export function peerAddress(handle: TcpHandle): Buffer | undefined {
  const peer: { address?: string } = {}
  // A handle over a Unix socket has no such method.
  if (typeof handle.getpeername !== 'function') return undefined
  return handle.getpeername(peer) === 0 ? parseAddress(peer.address) : undefined
}

/** The client's address in the PROXY protocol header that is in the metadata, 4 or 16 bytes. */
function clientInProxyHeader(metadata: Buffer): Buffer | undefined {
  const { header } = decodeMetadata(metadata)
  const verdict = header === undefined ? undefined : parseProxyHeader(header, header.length)
  return verdict?.type === 'header' ? verdict.source?.address : undefined
}
