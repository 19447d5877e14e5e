// The peer socket of a worker: a Unix socket at which other workers hand in the requests of this worker's sessions.
import { lstatSync, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { sleep } from '../../async/waiting.ts'
import type { DeliverUpgrade } from '../../serving/target.ts'
import { applyClientInfo, CLIENT_INFO } from './client-info.ts'
import { IncomingStreams, type StreamTarget } from './incoming-streams.ts'
import { MUX_PROTOCOL } from './mux.ts'

/**
 * Bytes of a head at both ends of a peer socket. The application's server has checked the size already, and the client
 * info is added to it.
 */
export const MAX_HEAD = 16 * 1024 * 1024

/** Milliseconds; longer than forward-http.ts keeps an unused connection. */
const KEEP_ALIVE = 60_000

/** Milliseconds between two looks for idle connections while the peer socket closes. */
const IDLE_CHECK = 50

/** Milliseconds in which connections are accepted that were made just before the path was removed. */
const LAST_ACCEPTS = 50

/** What gets the requests that other workers forward. */
export interface PeerTarget extends StreamTarget {
  deliverUpgrade: DeliverUpgrade
}

export interface PeerSocket {
  /** Accepts no new connections. Resolves when the requests that came in are answered. */
  close(): Promise<void>
}

/**
 * The path of a process's peer socket for the server of one listener; the name of a pipe on Windows.
 *
 * @param instance - of the process, see Registration
 * @param listener - number of the listener
 */
export function peerSocketPath(folder: string, instance: number, listener: number): string {
  const name = `${instance.toString(16).padStart(6, '0')}${listener === 0 ? '' : `-${listener}`}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${folder.replaceAll('\\', '-')}-${name}` : join(folder, name)
}

/**
 * Opens a peer socket of this process.
 *
 * @param folder - is made where it is missing
 * @param path - of the socket, in the folder
 * @param target - gets the requests; another server may take the place of its server later
 * @throws Error where the folder cannot be made, or other users have access to it
 */
export async function openPeerSocket(folder: string, path: string, target: PeerTarget): Promise<PeerSocket> {
  const { world } = target
  if (process.platform !== 'win32') makeFolder(folder)
  const muxes = new Set<IncomingStreams>()
  let isClosing = false
  const listener = http.createServer({
    keepAliveTimeout: KEEP_ALIVE,
    requestTimeout: 0,
    headersTimeout: 0,
    maxHeaderSize: MAX_HEAD,
  })
  // The client info is the last header, and must not be dropped.
  listener.maxHeadersCount = 0
  listener.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!useClientInfo(request)) return void response.writeHead(400).end()
    return target.deliver('request', request, response)
  })
  listener.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (!useClientInfo(request)) return void response.writeHead(400).end()
    if (target.server.listenerCount('checkContinue') > 0) return target.deliver('checkContinue', request, response)
    response.writeContinue()
    return target.deliver('request', request, response)
  })
  listener.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (isMux(request)) {
      const mux = new IncomingStreams(socket, head, target, () => muxes.delete(mux))
      muxes.add(mux)
      // The other worker connected just before this peer socket was closed.
      if (isClosing) mux.finish()
      return
    }
    if (!useClientInfo(request)) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    else if (!target.deliverUpgrade(request, socket, head)) socket.destroy()
  })
  // exclusive: a worker of node:cluster would ask its primary to listen.
  await new Promise<void>((done, fail) => listener.once('error', fail).listen({ path, exclusive: true }, done))
  listener.unref()
  process.once('exit', () => {
    rmSync(path, { force: true })
    removeFolder(folder)
  })
  return {
    async close() {
      isClosing = true
      // No other worker can connect without the path. Connections that are being made are accepted first.
      rmSync(path, { force: true })
      await sleep(LAST_ACCEPTS, world)
      const closed = new Promise((done) => listener.close(done))
      for (const mux of muxes) mux.finish()
      const timer = world.setInterval(() => listener.closeIdleConnections(), IDLE_CHECK).unref()
      await closed
      world.clearInterval(timer)
    },
  }
}

/** Only this user has access. The name is random; still, a folder of that name may be there, and must be checked. */
function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(folder)
  if (uid !== process.getuid?.() || (mode & 0o777) !== 0o700) throw new Error(`${folder} is not this user's own`)
}

/** The last process to end removes the folder. */
function removeFolder(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    return // it has the sockets of other processes
  }
}

/** A client can ask for an upgrade to this protocol too, but its request is forwarded with client info. */
function isMux({ headers }: IncomingMessage): boolean {
  return headers.upgrade === MUX_PROTOCOL && headers[CLIENT_INFO] === undefined
}

/**
 * Gives the request's socket the addresses of the client.
 *
 * @returns false where the client info is missing or cannot be read: no worker has sent this request
 */
function useClientInfo(request: IncomingMessage): boolean {
  try {
    applyClientInfo(request.socket, removeClientInfo(request))
    return true
  } catch {
    return false // the request is answered with 400
  }
}

/** Removes the client info from the headers, because the application need not see it. */
function removeClientInfo({ headers, rawHeaders }: IncomingMessage): string {
  const value = headers[CLIENT_INFO]
  delete headers[CLIENT_INFO]
  const at = rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === CLIENT_INFO)
  if (at >= 0) rawHeaders.splice(at, 2)
  return decodeURIComponent(String(value))
}
