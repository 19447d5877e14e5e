// Node's TCP handle: the object under net.Socket that owns the descriptor. node:cluster passes exactly these between
// processes; sending the handle instead of the net.Socket keeps Node's own bookkeeping (which leaks listeners and
// counts when a worker dies) out of the way, and lets the worker make the socket its server would have made.
import type { Socket } from 'node:net'

/** The part of the interface that is used, the same in Node 20 to 26. */
export interface TcpHandle {
  /** The descriptor, -1 on Windows or after close. */
  readonly fd: number
  getpeername(out: { address?: string; family?: string; port?: number }): number
  close(done?: () => void): void
}

/** The handle under a socket; undefined when the socket is destroyed already. */
export function handleOf(socket: Socket): TcpHandle | undefined {
  return (Reflect.get(socket, '_handle') as TcpHandle | null | undefined) ?? undefined
}
