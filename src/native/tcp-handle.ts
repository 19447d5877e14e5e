// Node's TCP handle: the object under net.Socket that owns the descriptor. node:cluster sends these handles between
// processes too. Sending a handle instead of a net.Socket avoids Node's own bookkeeping, which leaks listeners and
// counts when a worker dies, and the worker's server creates the socket itself.
import { Socket, type Server } from 'node:net'
import { AF_INET, AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM } from './constants.ts'
import type { Libc } from './libc.ts'

/** One end of a connection, as a handle reports it. */
export interface SocketName {
  address?: string
  family?: string
  port?: number
}

/** The part of the interface that Holdfast uses. It is the same in Node 20 to 26. */
export interface TcpHandle {
  /** The descriptor, -1 on Windows or after close. */
  readonly fd: number
  getpeername(out: SocketName): number
  open(fd: number): number
  listen(backlog: number): number
  readStop(): number
  /** net.Socket keeps here whether it has begun to read. */
  reading?: boolean
  close(done?: () => void): void
  onconnection?: (this: TcpHandle, status: number, handle: TcpHandle | undefined) => void
}

type HandleConstructor = new (kind: number) => TcpHandle

/** Node's constants: `socket` for a connection, `server` for a listening handle. */
const KIND = { socket: 0, server: 1 } as const

/** The handle under a socket or server; undefined when the socket or server is closed. */
export function handleOf(socket: Socket | Server): TcpHandle | undefined {
  return (Reflect.get(socket, '_handle') as TcpHandle | null | undefined) ?? undefined
}

/**
 * @returns a function that makes a handle over a TCP descriptor; the handle owns the descriptor then. The function throws
 *   an Error when this version of Node has other handles than this file expects.
 */
export function tcpHandles(libc: Libc): (fd: number, kind?: keyof typeof KIND) => TcpHandle {
  // Found on the first descriptor: the first socket of a process takes a millisecond, and the start need not wait for it.
  let Tcp: HandleConstructor | undefined
  return (fd, kind = 'socket') => {
    Tcp ??= constructorOf(libc, AF_INET, 'TCP')
    const handle = new Tcp(KIND[kind])
    handle.open(fd)
    return handle
  }
}

/** The same for connections over a Unix socket. Their handles have the same methods but `getpeername()`. */
export function localHandles(libc: Libc): (fd: number) => TcpHandle {
  let Pipe: HandleConstructor | undefined
  return (fd) => {
    Pipe ??= constructorOf(libc, AF_UNIX, 'Pipe')
    const handle = new Pipe(KIND.socket)
    handle.open(fd)
    return handle
  }
}

/** Node does not export the classes of its handles, so this takes one from a socket that is never connected. */
function constructorOf(libc: Libc, family: number, name: string): HandleConstructor {
  const fd = libc.socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)
  if (fd < 0) throw new Error(`socket failed with errno ${-fd}`)
  const socket = new Socket({ fd, readable: false, writable: false })
  const Handle = handleOf(socket)?.constructor as HandleConstructor | undefined
  socket.destroy()
  if (Handle?.name !== name) throw new Error(`expected Node's ${name} handle, got ${Handle?.name}`)
  return Handle
}
