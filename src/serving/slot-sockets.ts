// The listening sockets of this worker's slots, in kernel steering.
import { acceptor } from '../native/accept.ts'
import type { Libc } from '../native/libc.ts'
import { tcpHandles, type TcpHandle } from '../native/tcp-handle.ts'

export interface SlotSockets {
  /** @param fd - descriptor of the slot's listening socket, which belongs to the slot sockets from now on */
  add(slot: number, fd: number): void
  /**
   * Stops listening on the sockets of these slots.
   *
   * @param final - accept the connections in the queues first, because no other worker will
   */
  drop(slots: readonly number[], final: boolean): void
  /** Stops listening on all sockets. @param final - as for {@link drop} */
  close(final: boolean): void
}

/**
 * @param backlog - queued connections per socket
 * @param accept - called with each accepted connection
 */
export function slotSockets(libc: Libc, backlog: number, accept: (handle: TcpHandle) => void): SlotSockets {
  const createHandle = tcpHandles(libc)
  const sockets = new Map<number, TcpHandle>()
  const { next } = acceptor(libc)

  const drop = (slots: readonly number[], final: boolean): void => {
    for (const slot of slots) {
      const socket = sockets.get(slot)
      if (socket === undefined) continue
      sockets.delete(slot)
      if (final) for (const fd of queuedConnections(socket.fd)) accept(createHandle(fd))
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
    add(slot, fd) {
      const socket = createHandle(fd, 'server')
      socket.onconnection = (status, handle) => {
        if (status === 0 && handle !== undefined) accept(handle)
      }
      // The socket listens already. The call makes libuv wait for connections, and sets the same backlog again.
      socket.listen(backlog)
      sockets.set(slot, socket)
    },
    drop,
    close: (final) => drop([...sockets.keys()], final),
  }
}
