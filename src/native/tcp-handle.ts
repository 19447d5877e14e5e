// Node's TCP handle: the object under net.Socket that owns the descriptor. node:cluster passes exactly these between
// processes; sending the handle instead of the net.Socket keeps Node's own bookkeeping (which leaks listeners and
// counts when a worker dies) out of the way, and lets the worker make the socket its server would have made.
import { Socket, type Server } from 'node:net'
import { AF_INET, SOCK_CLOEXEC, SOCK_STREAM } from './constants.ts'
import type { Libc } from './libc.ts'

/** One end of a connection, as a handle tells it. */
export interface SocketName {
  address?: string
  family?: string
  port?: number
}

/** The part of the interface that is used, the same in Node 20 to 26. */
export interface TcpHandle {
  /** The descriptor, -1 on Windows or after close. */
  readonly fd: number
  getpeername(out: SocketName): number
  open(fd: number): number
  listen(backlog: number): number
  readStop(): number
  /** Kept by net.Socket: whether it has begun to read. */
  reading?: boolean
  close(done?: () => void): void
  onconnection?: (this: TcpHandle, status: number, handle: TcpHandle | undefined) => void
}

type TcpConstructor = new (kind: number) => TcpHandle

/** Node's constants: a handle that connects or was accepted, and one that listens. */
const KIND = { socket: 0, server: 1 } as const

/** The handle under a socket or server; undefined when it is closed already. */
export function handleOf(socket: Socket | Server): TcpHandle | undefined {
  return (Reflect.get(socket, '_handle') as TcpHandle | null | undefined) ?? undefined
}

/**
 * @returns makes a handle over a TCP descriptor; the handle owns it then
 * @throws Error where Node's handles look different from those this was written for
 */
export function tcpHandles(libc: Libc): (fd: number, kind?: keyof typeof KIND) => TcpHandle {
  const Tcp = constructorOf(libc)
  return (fd, kind = 'socket') => {
    const handle = new Tcp(KIND[kind])
    handle.open(fd)
    return handle
  }
}

/** Node does not export the class, so it is taken from a socket that was never connected. */
function constructorOf(libc: Libc): TcpConstructor {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)
  if (fd < 0) throw new Error(`socket failed with errno ${-fd}`)
  const socket = new Socket({ fd, readable: false, writable: false })
  const Tcp = handleOf(socket)?.constructor as TcpConstructor | undefined
  socket.destroy()
  if (Tcp?.name !== 'TCP') throw new Error(`expected Node's TCP handle, got ${Tcp?.name}`)
  return Tcp
}
