// WebSockets at the end: whoever answers them, their clients are told to come back, by a close frame.
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Server, Socket } from 'node:net'
import { DenseSet } from './dense-set.ts'
import type { Drain } from '../ipc/messages.ts'

/** Milliseconds between the close frame and the end of a connection whose client does not answer it. */
const PATIENCE = 2_000

/** Sends a frame to the client. */
type Say = (frame: Buffer, socket: Socket) => void

/** By server: adds a connection to those that are closed at the end. */
const adders = new WeakMap<Server, (socket: Socket, say: Say) => void>()

/** Notes a WebSocket that the server's listeners have not heard of, because another worker answers it. */
export function noteWebSocket(server: Server, socket: Socket, say: Say): void {
  adders.get(server)?.(socket, say)
}

/**
 * Notes which connections become WebSockets. To be called before the first one comes in.
 *
 * @returns closes them, also those that are still to come, each at a random moment after `grace` and within `spread`
 *   milliseconds; with the `code` that the object has then
 */
export function webSockets(server: HttpServer | HttpsServer): (how: Drain) => void {
  const open = new DenseSet<Socket>()
  /** How those are spoken to that are not spoken to directly. */
  const others = new Map<Socket, Say>()
  let goodbye = (_socket: Socket): void => {}
  const forget = function (this: Socket): void {
    open.delete(this)
    others.delete(this)
  }
  const add = (socket: Socket, say?: Say): void => {
    open.add(socket)
    if (say !== undefined) others.set(socket, say)
    socket.on('close', forget)
    goodbye(socket)
  }
  adders.set(server, add)
  const note = ({ headers }: IncomingMessage, socket: Socket): void => {
    // Another protocol would not know what to do with a close frame.
    if (headers.upgrade?.toLowerCase() !== 'websocket') return
    add(socket)
  }
  // With any listener at all Node takes upgrades seriously, so ours is there only as long as the application's is.
  const update = (event: string | symbol): void => {
    if (event !== 'upgrade') return
    const own = server.listeners('upgrade').includes(note)
    const more = server.listenerCount('upgrade') - Number(own)
    if (own && more === 0) server.off('upgrade', note)
    if (!own && more > 0) server.prependListener('upgrade', note)
  }
  server.on('newListener', (event, listener) => {
    // It is added only after this event.
    if (listener !== note) process.nextTick(update, event)
  })
  server.on('removeListener', update)
  update('upgrade')
  return (how) => {
    goodbye = (socket) => {
      const say = others.get(socket) ?? sayAtOnce
      setTimeout(() => close(socket, say, how.code), how.grace + Math.random() * how.spread).unref()
    }
    for (const socket of open) goodbye(socket)
  }
}

/** Close frames may stand between any two frames (RFC 6455, 5.4), and libraries write whole frames. */
function sayAtOnce(frame: Buffer, socket: Socket): void {
  socket.write(frame)
}

function close(socket: Socket, say: Say, code: number): void {
  if (socket.destroyed || !socket.writable) return
  const frame = Buffer.from([0x88, 2, 0, 0])
  frame.writeUInt16BE(code, 2)
  say(frame, socket)
  setTimeout(() => {
    if (socket.destroyed) return
    socket.end()
    setTimeout(() => socket.destroy(), PATIENCE).unref()
  }, PATIENCE).unref()
}
