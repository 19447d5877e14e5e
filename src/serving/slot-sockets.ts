// The listening sockets of this worker's slots, in kernel steering.
import type { Libc } from '../native/libc.ts'
import { acceptor } from '../native/accept.ts'
import { tcpHandles, type TcpHandle } from '../native/tcp-handle.ts'

export interface SlotSockets {
  /** Listens on a slot's socket from now on. */
  take(slot: number, fd: number): void
  /**
   * Stops listening.
   *
   * @param final - accept what waits in the queues first: nobody else will
   */
  drop(slots: readonly number[], final: boolean): void
  /** Stops listening on all of them. */
  close(final: boolean): void
}

/** @param accept - the application's server takes the connection */
export function slotSockets(libc: Libc, backlog: number, accept: (handle: TcpHandle) => void): SlotSockets {
  const open = tcpHandles(libc)
  const sockets = new Map<number, TcpHandle>()
  const { next } = acceptor(libc)

  const drop = (slots: readonly number[], final: boolean): void => {
    for (const slot of slots) {
      const socket = sockets.get(slot)
      if (socket === undefined) continue
      sockets.delete(slot)
      if (final) for (const fd of queued(socket.fd)) accept(open(fd))
      socket.close()
    }
  }

  function* queued(listening: number): Generator<number> {
    for (;;) {
      const fd = next(listening)
      if (fd < 0) return
      yield fd
    }
  }

  return {
    take(slot, fd) {
      const socket = open(fd, 'server')
      socket.onconnection = (status, handle) => {
        if (status === 0 && handle !== undefined) accept(handle)
      }
      // It listens already; the call makes libuv wait for it, and says the same backlog again.
      socket.listen(backlog)
      sockets.set(slot, socket)
    },
    drop,
    close: (final) => drop([...sockets.keys()], final),
  }
}
