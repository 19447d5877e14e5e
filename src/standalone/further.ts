// `workers: 0` with several ports: a server of Node listens on one port, and gets the connections of the others from here.
import type { Server } from 'node:net'
import { handleOf, type TcpHandle } from '../native/tcp-handle.ts'
import { emitConnection } from '../serving/attach.ts'
import { openListener } from '../steering/listener.ts'
import type { ListenOptions } from '../steering/listen.ts'

export interface FurtherListener {
  /** Accepts no new connections. */
  close(): Promise<void>
}

/**
 * Gives the connections of another port to the server, which listens already.
 *
 * @throws StickyError as `listen` does
 */
export function listenAlso(server: Server, options: ListenOptions): Promise<FurtherListener> {
  // Without libc each connection is accepted with a Node handle, which the server needs.
  return openListener(options, undefined, (incoming) => {
    if (incoming.handle !== undefined) serve(server, incoming.openHandle())
  })
}

function serve(server: Server, handle: TcpHandle): void {
  const listening = handleOf(server)
  // Node's own accept code counts the connection, and applies the limits of the server.
  if (typeof listening?.onconnection === 'function') listening.onconnection(0, handle)
  else emitConnection(server as Parameters<typeof emitConnection>[0], handle)
}
