// WebSockets at the end: whoever answers them, their clients are told to come back, by a close frame.
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Drain } from '../protocol.ts'

/** Milliseconds between the close frame and the end of a connection whose client does not answer it. */
const PATIENCE = 2_000

/**
 * Notes which connections become WebSockets. To be called before the first one comes in.
 *
 * @returns closes them, also those that are still to come, each at a random moment after `grace` and within `spread`
 *   milliseconds; with the `code` that the object has then
 */
export function webSockets(server: HttpServer | HttpsServer): (how: Drain) => void {
  const open = new Set<Socket>()
  let goodbye = (_: Socket): void => {}
  const forget = function (this: Socket): void {
    open.delete(this)
  }
  const note = ({ headers }: IncomingMessage, socket: Socket): void => {
    // Another protocol would not know what to do with a close frame.
    if (headers.upgrade?.toLowerCase() !== 'websocket') return
    open.add(socket)
    socket.on('close', forget)
    goodbye(socket)
  }
  // With any listener at all Node takes upgrades seriously, so ours is there only as long as the application's is.
  const update = (event: string | symbol): void => {
    if (event !== 'upgrade') return
    const own = server.listeners('upgrade').includes(note)
    const others = server.listenerCount('upgrade') - Number(own)
    if (own && others === 0) server.off('upgrade', note)
    if (!own && others > 0) server.prependListener('upgrade', note)
  }
  server.on('newListener', (event, listener) => {
    // It is added only after this event.
    if (listener !== note) process.nextTick(update, event)
  })
  server.on('removeListener', update)
  update('upgrade')
  return (how) => {
    goodbye = (socket) => {
      setTimeout(() => close(socket, how.code), how.grace + Math.random() * how.spread).unref()
    }
    open.forEach(goodbye)
  }
}

/** Close frames may stand between any two frames (RFC 6455, 5.4), and libraries write whole frames. */
function close(socket: Socket, code: number): void {
  if (socket.destroyed || !socket.writable) return
  const frame = Buffer.from([0x88, 2, 0, 0])
  frame.writeUInt16BE(code, 2)
  socket.write(frame)
  setTimeout(() => {
    if (socket.destroyed) return
    socket.end()
    setTimeout(() => socket.destroy(), PATIENCE).unref()
  }, PATIENCE).unref()
}
