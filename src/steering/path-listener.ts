// A listener on a path: a Unix socket, or a pipe of Windows. Its clients have no address.
import { lstatSync } from 'node:fs'
import type { Server } from 'node:net'
import type { PathTarget } from '../ipc/listen-target.ts'
import { handleOf } from '../native/tcp-handle.ts'
import type { AcceptFunction } from './accept.ts'
import { HandleConnection } from './connection.ts'
import { closeServer, newServer, tryListen } from './listen.ts'
import type { Listener } from './listener.ts'
import type { World } from '../world.ts'

/**
 * Opens a listener on a path. As with Node, a file that is there already is an error, EADDRINUSE, and the file is removed
 * when the listener is closed.
 *
 * @throws Error of Node
 */
export async function openPathListener(
  target: PathTarget,
  backlog: number,
  accept: AcceptFunction,
  world: Pick<World, 'setImmediate'>,
): Promise<Listener> {
  const { path, readableAll = false, writableAll = false } = target
  const open = async (): Promise<Server> => {
    const server = newServer()
    await tryListen(server, { path, readableAll, writableAll }, backlog)
    acceptLocal(server, accept)
    return server
  }
  const close = async (server: Server): Promise<void> => {
    // What is queued is accepted in this turn and the next one: a Unix socket whose file is gone gets no more.
    await new Promise<void>((done) => void world.setImmediate(done))
    await closeServer(server)
  }
  let server = await open()
  let restoring: Promise<void> | undefined
  const restore = async (): Promise<void> => {
    // First, because to close the socket removes whatever file is at the path.
    await close(server)
    server = await open()
  }
  return {
    address: path,
    // Node removes the file together with the listening socket, so the listener cannot be opened again later.
    pause: () => false,
    resume() {},
    async restore() {
      if (restoring === undefined && !isFileGone(path)) return
      // Several processes ask at a time, and the file stays away until the first of them is served.
      restoring ??= restore().finally(() => (restoring = undefined))
      await restoring
    },
    async close() {
      await restoring
      await close(server)
    },
  }
}

function acceptLocal(server: Server, accept: AcceptFunction): void {
  const listening = handleOf(server)
  if (listening === undefined) return
  listening.onconnection = (status, handle) => {
    if (status === 0 && handle !== undefined) accept(new HandleConnection(handle), undefined)
  }
}

/** Abstract sockets and pipes of Windows have no file. */
function isFileGone(path: string): boolean {
  if (process.platform === 'win32' || path.startsWith('\0')) return false
  return lstatSync(path, { throwIfNoEntry: false }) === undefined
}
