// Connections that the primary sends become connections of the application's server. Those that arrive before the server
// is attached wait for it.
import type { Server } from 'node:net'
import { deferred } from '../async/deferred.ts'
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import type { Registration } from '../ipc/messages.ts'
import { sendToPrimary } from '../ipc/send.ts'
import { receive } from '../transport/choose.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { ReceiverEvents } from '../transport/transport.ts'
import { attach, type ServeConnection } from './attach.ts'

export interface Intake {
  /** Connections that this worker got so far. */
  readonly served: number
  /** Resolves when the primary sends no more connections, or {@link stopWaiting} was called. */
  readonly complete: Promise<void>
  /** Serves a connection that did not come from the primary. */
  accept(handle: TcpHandle, metadata?: Buffer): void
  /**
   * Attaches the server, which gets the connections that arrived and those that will.
   *
   * @param onClose - called when the application calls `server.close()`
   * @throws StickyError HOLDFAST_TARGET_LISTENS
   */
  attach(server: Server, onClose: () => void): void
  /** Resolves {@link complete}, because the primary is gone or time is up. */
  stopWaiting(): void
}

/** @param listeners - called with listening sockets of slots, in kernel steering */
export function intake(
  { transport, countEnds, address }: Registration,
  channel: PrimaryChannel,
  listeners: NonNullable<ReceiverEvents['onSlotSockets']> = () => {},
): Intake {
  const early: Parameters<ServeConnection>[] = []
  let serveConnection: ServeConnection = (...connection) => void early.push(connection)
  let served = 0
  const complete = deferred()
  const reportEnd = endReporter()

  function accept(handle: TcpHandle, metadata?: Buffer): void {
    served++
    serve(handle, metadata)
  }

  /** An error of the application's listener must not lose the connections that arrived together with this one. */
  function serve(...connection: Parameters<ServeConnection>): void {
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
      accept(handle, metadata)
    },
    onSlotSockets: listeners,
    onEnd: () => complete.resolve(),
  })

  return {
    get served() {
      return served
    },
    complete: complete.promise,
    accept,
    attach(server, onClose) {
      serveConnection = attach(server, address, onClose)
      for (const connection of early.splice(0)) serve(...connection)
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
