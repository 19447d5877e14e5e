// The listening sockets of this worker's slots, in kernel steering. A socket is known by its number
// (ipc/listen-target.ts), which has the listener and the slot.
import { listenerOfSocket } from '../ipc/listen-target.ts'
import { acceptor } from '../native/accept.ts'
import type { Libc } from '../native/libc.ts'
import { tcpHandles, type TcpHandle } from '../native/tcp-handle.ts'

export interface SlotSockets {
  /** @param fd - descriptor of the listening socket, which belongs to the slot sockets from now on */
  add(number: number, fd: number): void
  /**
   * Stops listening on the sockets with these numbers.
   *
   * @param final - accept the connections in the queues first, because no other worker will
   */
  drop(numbers: readonly number[], final: boolean): void
  /** Stops listening on all sockets. @param final - as for {@link drop} */
  close(final: boolean): void
}

/** Serves a connection that was accepted on the listener. */
type AcceptOn = (handle: TcpHandle, listener: number) => void

/**
 * @param backlog - queued connections per socket
 * @param accept - called with each accepted connection
 */
export function slotSockets(libc: Libc, backlog: number, accept: AcceptOn): SlotSockets {
  const createHandle = tcpHandles(libc)
  const sockets = new Map<number, TcpHandle>()
  const { next } = acceptor(libc)

  const drop = (numbers: readonly number[], final: boolean): void => {
    for (const number of numbers) {
      const socket = sockets.get(number)
      if (socket === undefined) continue
      sockets.delete(number)
      if (final) for (const fd of queuedConnections(socket.fd)) accept(createHandle(fd), listenerOfSocket(number))
      socket.close()
    }
  }

  function* queuedConnections(listeningFd: number): Generator<number> {
    for (;;) {
      const fd = next(listeningFd)
      if (fd < 0) return
      yield fd
    }
  }

  return {
    add(number, fd) {
      const listener = listenerOfSocket(number)
      const socket = createHandle(fd, 'server')
      socket.onconnection = (status, handle) => {
        if (status === 0 && handle !== undefined) accept(handle, listener)
      }
      // The socket listens already. The call makes libuv wait for connections, and sets the same backlog again.
      socket.listen(backlog)
      sockets.set(number, socket)
    },
    drop,
    close: (final) => drop([...sockets.keys()], final),
  }
}
