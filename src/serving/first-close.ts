// The application closes a server that does not listen itself, and finds what it would find alone: its first close() calls
// back without an error.
import type { Server } from 'node:net'
import type { Address } from '../ipc/messages.ts'
import type { ServerInside } from './attach.ts'
import { ListeningHandle } from './listening-handle.ts'

/** Nothing reads it: the handle with this address is closed as soon as it is made. */
const NOWHERE: Address = { address: '::', family: 'IPv6', port: 0 }

/**
 * For a server that Holdfast has closed before the application does, and for one in the primary, which never listens. The
 * application's first close() calls back when its connections have ended.
 *
 * @param closing - called by this close(), which calls back no earlier than the returned promise is settled
 */
export function takeFirstClose(server: Server, closing?: () => Promise<unknown>): void {
  const inside = server as Server & ServerInside
  const close: Server['close'] = Reflect.get(server, 'close')
  const isOwn = Object.hasOwn(server, 'close')
  server.close = (...args) => {
    if (isOwn) server.close = close
    else Reflect.deleteProperty(server, 'close')
    if (!server.listening) {
      // Node takes a server with a handle for one that listens.
      inside._handle = new ListeningHandle(NOWHERE, { onClose() {} })
      if (closing !== undefined) waitFor(inside, closing())
    }
    return Reflect.apply(close, server, args)
  }
}

/** Node calls back when the number of connections is 0. */
function waitFor(server: Server & ServerInside, closed: Promise<unknown>): void {
  server._connections++
  const release = (): void => {
    server._connections--
    server._emitCloseIfDrained?.()
  }
  closed.then(release, release)
}
