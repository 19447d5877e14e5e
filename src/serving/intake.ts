// Connections that the primary sends become connections of the application's servers, by the listener that accepted them.
// Those that arrive while no server is attached for their listener wait for one.
import type { Server } from 'node:net'
import { deferred } from '../async/deferred.ts'
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import { ANY_PROCESS, type Address, type Registration } from '../ipc/messages.ts'
import { sendSocket, sendToPrimary } from '../ipc/send.ts'
import { sendSocketsAtExit } from '../ipc/send-at-exit.ts'
import { receive } from '../transport/choose.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import { encodeMetadata, listenerIn } from '../transport/metadata.ts'
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
   * @param onClose - called when the application calls `server.close()`; not called for an adopted server
   * @throws StickyError HOLDFAST_TARGET_LISTENS
   */
  attach(server: Server, listeners: readonly number[], address: Address | undefined, onClose: () => void): void
  /**
   * Connections of the listener wait from now on, until the next {@link attach}. If the process ends before, they go back to the
   * primary.
   *
   * @param onFirst - called when the first one waits
   */
  hold(listener: number, onFirst: () => void): void
  /**
   * The connections that wait for a server, and those that come before there is one, go back to the primary.
   *
   * @param listener - undefined: those of all listeners
   */
  giveBack(listener?: number): void
  /** Resolves {@link complete}, because the primary is gone or time is up. */
  stopWaiting(): void
}

/** One listener of this worker. */
interface Inlet {
  readonly waiting: Connection[]
  /** Serves with the server that was attached last, also where it is closed. */
  last: ServeConnection | undefined
  /** Whether connections wait for a server. */
  isHeld: boolean
  serve: ServeConnection
}

type Connection = Parameters<ServeConnection>

/** @param onSlotSockets - called with listening sockets of slots, in kernel steering */
export function intake(
  { transport, countEnds }: Registration,
  channel: PrimaryChannel,
  onSlotSockets: NonNullable<ReceiverEvents['onSlotSockets']> = () => {},
): Intake {
  /** By the number of the listener. */
  const inlets = new Map<number, Inlet>()
  const attached = new WeakMap<Server, ServeConnection>()
  let isGivingBack = false
  let served = 0
  const complete = deferred()
  const reportEnd = endReporter()

  function onExit(): void {
    const held = [...inlets].filter(([, { isHeld }]) => isHeld)
    const waiting = held.flatMap(([listener, inlet]) => inlet.waiting.splice(0).map((one) => returned(listener, one)))
    if (waiting.length > 0) returnAtExit(waiting)
  }

  function inletOf(listener: number): Inlet {
    let inlet = inlets.get(listener)
    if (inlet !== undefined) return inlet
    const waiting: Connection[] = []
    inlet = { waiting, last: undefined, isHeld: true, serve: (...connection) => void waiting.push(connection) }
    inlets.set(listener, inlet)
    if (isGivingBack) giveBack(listener, inlet)
    return inlet
  }

  function giveBack(listener: number, inlet: Inlet): void {
    inlet.serve = (...connection) => {
      if (process.connected) returnToPrimary(...returned(listener, connection))
      // The primary is gone, and a connection that was accepted is served.
      else inlet.last?.(...connection)
    }
    for (const connection of inlet.waiting.splice(0)) serve(inlet, connection)
  }

  function accept(listener: number, ...connection: Connection): void {
    served++
    serve(inletOf(listener), connection)
  }

  /** An error of the application's listener must not lose the connections that arrived together with this one. */
  function serve(inlet: Inlet, connection: Connection): void {
    try {
      inlet.serve(...connection)
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
      // A server that has closed and listens again has another handle.
      const serveConnection = (server.listening ? attached.get(server) : undefined) ?? attach(server, address, onClose)
      attached.set(server, serveConnection)
      for (const listener of listeners) {
        const inlet = inletOf(listener)
        inlet.isHeld = false
        inlet.serve = inlet.last = serveConnection
        for (const connection of inlet.waiting.splice(0)) serve(inlet, connection)
      }
    },
    hold(listener, onFirst) {
      const inlet = inletOf(listener)
      inlet.isHeld = true
      inlet.serve = (...connection) => {
        if (inlet.waiting.push(connection) === 1) onFirst()
      }
      if (!process.listeners('exit').includes(onExit)) process.on('exit', onExit)
    },
    giveBack(only) {
      isGivingBack ||= only === undefined
      for (const [listener, inlet] of inlets) {
        if (inlet.isHeld && (only === undefined || only === listener)) giveBack(listener, inlet)
      }
    },
    stopWaiting: () => complete.resolve(),
  }
}

/** A connection on its way back to the primary. Its listener is known where this worker has accepted it itself. */
function returned(listener: number, [handle, metadata]: Connection): readonly [TcpHandle, Buffer] {
  return [handle, metadata ?? encodeMetadata({ listener })]
}

/** The next process of this worker, or another worker, gets the connection. Nothing was read from it. */
function returnToPrimary(handle: TcpHandle, metadata: Buffer): void {
  sendSocket({ type: 'transfer', instance: ANY_PROCESS }, handle, metadata, () => handle.close())
}

/** The process ends when this function returns. */
function returnAtExit(connections: readonly (readonly [TcpHandle, Buffer])[]): void {
  sendToPrimary({ type: 'leaving', reason: 'the program ended its process' })
  sendSocketsAtExit({ type: 'transfer', instance: ANY_PROCESS }, connections)
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
