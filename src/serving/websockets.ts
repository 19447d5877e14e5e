// Closes WebSockets when a server drains, whichever library answers them: a close frame tells the client to come back.
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Server, Socket } from 'node:net'
import type { Drain } from '../ipc/messages.ts'
import { DenseSet } from './dense-set.ts'

/** Milliseconds in which a client can answer the close frame before its connection is ended. */
const CLOSE_TIMEOUT = 2_000

/** Sends a frame to the client. */
type SendFrame = (frame: Buffer, socket: Socket) => void

/** Functions that add a WebSocket to those that are closed, by server. */
const adders = new WeakMap<Server, (socket: Socket, sendFrame: SendFrame) => void>()

/**
 * Adds a WebSocket of which the server's listeners do not know, because another worker answers it.
 *
 * @param sendFrame - sends a frame to the client between two frames of the other worker
 */
export function addWebSocket(server: Server, socket: Socket, sendFrame: SendFrame): void {
  adders.get(server)?.(socket, sendFrame)
}

/**
 * Collects the connections that become WebSockets.
 *
 * @param server - has had no connection yet
 * @returns closes the WebSockets, and those that open later, each at a random moment of the `spread` that follows the
 *   `grace` of the plan. The code is the one that the plan has at that moment.
 */
export function prepareWebSockets(server: HttpServer | HttpsServer): (plan: Drain) => void {
  const open = new DenseSet<Socket>()
  /** How frames are sent on WebSockets that another worker answers. */
  const senders = new Map<Socket, SendFrame>()
  let closeLater = (_socket: Socket): void => {}
  const remove = function (this: Socket): void {
    open.delete(this)
    senders.delete(this)
  }
  const add = (socket: Socket, sendFrame?: SendFrame): void => {
    open.add(socket)
    if (sendFrame !== undefined) senders.set(socket, sendFrame)
    socket.on('close', remove)
    closeLater(socket)
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
  return (plan) => {
    closeLater = (socket) => {
      const sendFrame = senders.get(socket) ?? writeFrame
      const delay = plan.grace + Math.random() * plan.spread
      setTimeout(() => close(socket, sendFrame, plan.code), delay).unref()
    }
    for (const socket of open) closeLater(socket)
  }
}

/** A close frame may stand between any two frames (RFC 6455, 5.4), and libraries write whole frames. */
function writeFrame(frame: Buffer, socket: Socket): void {
  socket.write(frame)
}

function close(socket: Socket, sendFrame: SendFrame, code: number): void {
  if (socket.destroyed || !socket.writable) return
  const frame = Buffer.from([0x88, 2, 0, 0])
  frame.writeUInt16BE(code, 2)
  sendFrame(frame, socket)
  setTimeout(() => {
    if (socket.destroyed) return
    socket.end()
    setTimeout(() => socket.destroy(), CLOSE_TIMEOUT).unref()
  }, CLOSE_TIMEOUT).unref()
}
