// Connections that the primary sends become connections of the application's server. Those that arrive while no server is
// attached wait for one.
import type { Server } from 'node:net'
import { deferred } from '../async/deferred.ts'
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import { ANY_PROCESS, type Registration } from '../ipc/messages.ts'
import { sendSocket, sendToPrimary } from '../ipc/send.ts'
import { sendSocketsAtExit } from '../ipc/send-at-exit.ts'
import { receive } from '../transport/choose.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import { encodeMetadata } from '../transport/metadata.ts'
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
   * @param onClose - called when the application calls `server.close()`; not called for an adopted server
   * @throws StickyError HOLDFAST_TARGET_LISTENS
   */
  attach(server: Server, onClose: () => void): void
  /**
   * Connections wait from now on, until the next {@link attach}. If the process ends before, they go back to the
   * primary.
   *
   * @param onFirst - called when the first one waits
   */
  hold(onFirst: () => void): void
  /** The connections that wait, and those that come until the next {@link attach}, go back to the primary. */
  giveBack(): void
  /** Resolves {@link complete}, because the primary is gone or time is up. */
  stopWaiting(): void
}

/** @param listeners - called with listening sockets of slots, in kernel steering */
export function intake(
  { transport, countEnds, address }: Registration,
  channel: PrimaryChannel,
  listeners: NonNullable<ReceiverEvents['onSlotSockets']> = () => {},
): Intake {
  const waiting: Parameters<ServeConnection>[] = []
  /** Serves with the server that was attached last, also where it is closed. */
  let serveWithLast: ServeConnection | undefined
  let isHeld = false
  let serveConnection: ServeConnection = (...connection) => void waiting.push(connection)
  let served = 0
  const complete = deferred()
  const reportEnd = endReporter()

  function onExit(): void {
    if (isHeld && waiting.length > 0) returnAtExit(waiting.splice(0))
  }

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
      isHeld = false
      serveConnection = serveWithLast = attach(server, address, onClose)
      for (const connection of waiting.splice(0)) serve(...connection)
    },
    hold(onFirst) {
      isHeld = true
      serveConnection = (...connection) => {
        if (waiting.push(connection) === 1) onFirst()
      }
      if (!process.listeners('exit').includes(onExit)) process.on('exit', onExit)
    },
    giveBack() {
      if (!isHeld) return
      const serveAnyhow = serveWithLast
      serveConnection = (handle, metadata) => {
        if (process.connected) returnToPrimary(handle, metadata)
        // The primary is gone, and a connection that was accepted is served.
        else serveAnyhow?.(handle, metadata)
      }
      for (const connection of waiting.splice(0)) serve(...connection)
    },
    stopWaiting: () => complete.resolve(),
  }
}

/** The next process of this worker, or another worker, gets the connection. Nothing was read from it. */
function returnToPrimary(handle: TcpHandle, metadata = encodeMetadata({})): void {
  sendSocket({ type: 'transfer', instance: ANY_PROCESS }, handle, metadata, () => handle.close())
}

/** The process ends when this function returns. */
function returnAtExit(connections: readonly Parameters<ServeConnection>[]): void {
  sendToPrimary({ type: 'leaving', reason: 'the program ended its process' })
  const sockets = connections.map(([handle, metadata = encodeMetadata({})]) => [handle, metadata] as const)
  sendSocketsAtExit({ type: 'transfer', instance: ANY_PROCESS }, sockets)
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
