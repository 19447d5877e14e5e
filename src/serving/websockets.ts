// Closes WebSockets when a server drains, whichever library answers them: a close frame tells the client to come back.
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Drain } from '../ipc/messages.ts'
import { DenseSet } from './dense-set.ts'
import { isHttp2 } from './target.ts'

/**
 * Milliseconds in which a client can answer the close frame before its connection is ended, at most an eighth of the
 * deadline.
 */
const CLOSE_TIMEOUT = 2_000

/** What carries a WebSocket: a connection, or a stream of HTTP/2. */
type Carrier = Duplex & Partial<Pick<ServerHttp2Stream, 'headersSent'>>

/** Sends a frame to the client. */
type SendFrame = (frame: Buffer, carrier: Duplex) => void

/** Functions that add a WebSocket to those that are closed, by server. */
const adders = new WeakMap<Server, (carrier: Carrier, sendFrame: SendFrame) => void>()

/**
 * Adds a WebSocket of which the server's listeners do not know, because another worker answers it.
 *
 * @param sendFrame - sends a frame to the client between two frames of the other worker
 */
export function addWebSocket(server: Server, socket: Socket, sendFrame: SendFrame): void {
  adders.get(server)?.(socket, sendFrame)
}

/**
 * Collects the connections, and the streams of HTTP/2, that become WebSockets.
 *
 * @param server - speaks HTTP, and has had no connection yet
 * @returns closes the WebSockets, and those that open later, each at a random moment of the `spread` that follows the
 *   `grace` of the plan. The code is the one that the plan has at that moment.
 */
export function prepareWebSockets(server: Server): (plan: Drain) => void {
  const open = new DenseSet<Carrier>()
  /** How frames are sent on WebSockets that another worker answers. */
  const senders = new Map<Carrier, SendFrame>()
  let closeLater = (_carrier: Carrier): void => {}
  const remove = function (this: Carrier): void {
    open.delete(this)
    senders.delete(this)
  }
  const add = (carrier: Carrier, sendFrame?: SendFrame): void => {
    open.add(carrier)
    if (sendFrame !== undefined) senders.set(carrier, sendFrame)
    carrier.on('close', remove)
    closeLater(carrier)
  }
  adders.set(server, add)
  const onUpgrade = ({ headers }: IncomingMessage, socket: Socket): void => {
    // Other protocols have no close frames.
    if (headers.upgrade?.toLowerCase() === 'websocket') add(socket)
  }
  // Node takes an upgrade for a plain request where the server has no listener for upgrades. So the listener here is there
  // only as long as one of the application is.
  const update = (event: string | symbol): void => {
    if (event !== 'upgrade') return
    const isAdded = server.listeners('upgrade').includes(onUpgrade)
    const others = server.listenerCount('upgrade') - Number(isAdded)
    if (isAdded && others === 0) server.off('upgrade', onUpgrade)
    if (!isAdded && others > 0) server.prependListener('upgrade', onUpgrade)
  }
  server.on('newListener', (event, listener) => {
    // The listener is added after this event.
    if (listener !== onUpgrade) process.nextTick(update, event)
  })
  server.on('removeListener', update)
  update('upgrade')
  if (isHttp2(server)) {
    server.on('stream', (stream: ServerHttp2Stream, headers: Record<string, unknown>) => {
      if (headers[':protocol'] === 'websocket') add(stream)
    })
  }
  return (plan) => {
    const timeout = Math.min(CLOSE_TIMEOUT, plan.deadline / 8)
    closeLater = (carrier) => {
      const sendFrame = senders.get(carrier) ?? writeFrame
      const delay = plan.grace + Math.random() * plan.spread
      setTimeout(() => close(carrier, sendFrame, plan.code, timeout), delay).unref()
    }
    for (const carrier of open) closeLater(carrier)
  }
}

/** A close frame may stand between any two frames (RFC 6455, 5.4), and libraries write whole frames. */
function writeFrame(frame: Buffer, carrier: Duplex): void {
  carrier.write(frame)
}

/** @param timeout - milliseconds for the client's answer, and again for the client to close the connection */
function close(carrier: Carrier, sendFrame: SendFrame, code: number, timeout: number): void {
  // A stream without headers is no WebSocket yet. A frame would be the body of an answer.
  if (carrier.destroyed || !carrier.writable || carrier.headersSent === false) return
  const frame = Buffer.from([0x88, 2, 0, 0])
  frame.writeUInt16BE(code, 2)
  sendFrame(frame, carrier)
  setTimeout(() => {
    if (carrier.destroyed) return
    carrier.end()
    setTimeout(() => carrier.destroy(), timeout).unref()
  }, timeout).unref()
}
