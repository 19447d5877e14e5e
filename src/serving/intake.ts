// Connections that the primary sends become connections of the application's servers, by the listener that accepted them.
// Those that arrive before the server is attached wait for it.
import type { Server } from 'node:net'
import { deferred } from '../async/deferred.ts'
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import type { Address, Registration } from '../ipc/messages.ts'
import { sendToPrimary } from '../ipc/send.ts'
import { receive } from '../transport/choose.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import { listenerIn } from '../transport/metadata.ts'
import type { ReceiverEvents } from '../transport/transport.ts'
import { attach, type ServeConnection } from './attach.ts'

export interface Intake {
  /** Connections that this worker got so far. */
  readonly served: number
  /** Resolves when the primary sends no more connections, or {@link stopWaiting} was called. */
  readonly complete: Promise<void>
  /** Serves a connection that this worker has accepted itself. */
  accept(handle: TcpHandle, listener: number): void
  /**
   * Attaches the server, which gets the connections of these listeners that arrived and those that will. A server that is
   * attached already gets them in addition to its others.
   *
   * @param address - what `server.address()` returns; undefined for a path
   * @param onClose - called when the application calls `server.close()`
   * @throws StickyError HOLDFAST_TARGET_LISTENS
   */
  attach(server: Server, listeners: readonly number[], address: Address | undefined, onClose: () => void): void
  /** Resolves {@link complete}, because the primary is gone or time is up. */
  stopWaiting(): void
}

/** @param onSlotSockets - called with listening sockets of slots, in kernel steering */
export function intake(
  { transport, countEnds }: Registration,
  channel: PrimaryChannel,
  onSlotSockets: NonNullable<ReceiverEvents['onSlotSockets']> = () => {},
): Intake {
  /** By the number of the listener. */
  const early = new Map<number, Parameters<ServeConnection>[]>()
  const serveOn = new Map<number, ServeConnection>()
  const attached = new Map<Server, ServeConnection>()
  let served = 0
  const complete = deferred()
  const reportEnd = endReporter()

  function accept(listener: number, ...connection: Parameters<ServeConnection>): void {
    served++
    serve(listener, connection)
  }

  /** An error of the application's listener must not lose the connections that arrived together with this one. */
  function serve(listener: number, connection: Parameters<ServeConnection>): void {
    const serveConnection = serveOn.get(listener)
    if (serveConnection === undefined) {
      early.set(listener, [...(early.get(listener) ?? []), connection])
      return
    }
    try {
      serveConnection(...connection)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }

  receive(transport, channel, {
    onConnection(handle, seq, metadata) {
      if (countEnds) callWhenClosed(handle, () => reportEnd(seq))
      accept(listenerIn(metadata), handle, metadata)
    },
    onSlotSockets,
    onEnd: () => complete.resolve(),
  })

  return {
    get served() {
      return served
    },
    complete: complete.promise,
    accept: (handle, listener) => accept(listener, handle),
    attach(server, listeners, address, onClose) {
      const serveConnection = attached.get(server) ?? attach(server, address, onClose)
      attached.set(server, serveConnection)
      for (const listener of listeners) serveOn.set(listener, serveConnection)
      for (const listener of listeners) {
        const waiting = early.get(listener) ?? []
        early.delete(listener)
        for (const connection of waiting) serve(listener, connection)
      }
    },
    stopWaiting: () => complete.resolve(),
  }
}

/** Calls back when a connection ends. Every kind of server calls the handle's `close()` then. */
function callWhenClosed(handle: TcpHandle, onClose: () => void): void {
  const close = handle.close.bind(handle)
  handle.close = (done) => {
    handle.close = close
    onClose()
    close(done)
  }
}

/**
 * Reports the ends of connections to the primary, which limits the open ones. One message reports those of one turn of the
 * event loop.
 *
 * @returns to be called with the number of each connection that has ended
 */
function endReporter(): (seq: number) => void {
  let ended: number[] = []
  const endOfTurn = new EndOfTurn(() => {
    const seqs = ended
    ended = []
    sendToPrimary({ type: 'connections-ended', seqs })
  })
  return (seq) => {
    ended.push(seq)
    endOfTurn.schedule()
  }
}
