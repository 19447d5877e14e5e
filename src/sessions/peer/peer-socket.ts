// The peer socket of a worker: a Unix socket for requests that came in at another worker and belong to this one.
import { lstatSync, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { sleep } from '../../async/waiting.ts'
import { IncomingStreams, type StreamTarget } from './incoming-streams.ts'
import { MUX_PROTOCOL } from './mux.ts'
import { CLIENT_INFO, applyClientInfo } from './client-info.ts'

/** Bytes of a head, at both ends of a peer socket: the application's own server has looked at sizes, and our header comes on top. */
export const MAX_HEAD = 16 * 1024 * 1024

/** Milliseconds; longer than a forwarder keeps a connection that it does not use. */
const KEEP_ALIVE = 60_000

/** Milliseconds between two looks for connections that have become idle, at the end. */
const LOOK = 50

export interface PeerSocket {
  /** Nobody finds it from now on. Resolves when all that came in through it is answered. */
  close(): Promise<void>
}

/** Where the process of that number is reached. */
export function peerSocketPath(folder: string, instance: number): string {
  const name = instance.toString(16).padStart(6, '0')
  return process.platform === 'win32' ? `\\\\.\\pipe\\${folder.replaceAll('\\', '-')}-${name}` : join(folder, name)
}

/**
 * Opens it.
 *
 * @param target - gets the requests
 * @throws Error when the folder can not be made, or is not ours
 */
export async function openPeerSocket(folder: string, instance: number, target: StreamTarget): Promise<PeerSocket> {
  const { server, emit, world } = target
  const path = peerSocketPath(folder, instance)
  if (process.platform !== 'win32') makeFolder(folder)
  const muxes = new Set<IncomingStreams>()
  let isClosing = false
  const listener = http.createServer({
    keepAliveTimeout: KEEP_ALIVE,
    requestTimeout: 0,
    headersTimeout: 0,
    maxHeaderSize: MAX_HEAD,
  })
  // Ours is the last one.
  listener.maxHeadersCount = 0
  listener.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!hasClientInfo(request)) return void response.writeHead(400).end()
    return emit('request', request, response)
  })
  listener.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (!hasClientInfo(request)) return void response.writeHead(400).end()
    if (server.listenerCount('checkContinue') > 0) return emit('checkContinue', request, response)
    response.writeContinue()
    return emit('request', request, response)
  })
  listener.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (isMux(request)) {
      const mux = new IncomingStreams(socket, head, target, () => muxes.delete(mux))
      muxes.add(mux)
      // It was on its way here before the peer socket was closed.
      if (isClosing) mux.finish()
      return
    }
    if (!hasClientInfo(request)) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    else if (!emit('upgrade', request, socket, head)) socket.destroy()
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
      // Whoever connects from now on finds nobody, and whoever has done so is let in before the peer socket closes.
      rmSync(path, { force: true })
      await sleep(LOOK, world)
      const closed = new Promise((done) => listener.close(done))
      for (const mux of muxes) mux.finish()
      const timer = world.setInterval(() => listener.closeIdleConnections(), LOOK).unref()
      await closed
      world.clearInterval(timer)
    },
  }
}

/** Only this user may enter. Its random name is known to these processes alone; still, what is there must be ours. */
function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(folder)
  if (uid !== process.getuid?.() || (mode & 0o777) !== 0o700) throw new Error(`${folder} is not this user's own`)
}

/** Whoever is last. */
function removeFolder(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    return // others are still there
  }
}

/** A client can ask for that upgrade too. Its request comes with an introduction, as all that are sent on. */
function isMux({ headers }: IncomingMessage): boolean {
  return headers.upgrade === MUX_PROTOCOL && headers[CLIENT_INFO] === undefined
}

/** @returns false where no worker can have sent it; then it is not served, and ends nothing here */
function hasClientInfo(request: IncomingMessage): boolean {
  try {
    applyClientInfo(request.socket, takeClientInfo(request))
    return true
  } catch {
    return false // not there, or not in our encoding
  }
}

/** Takes it out of the headers: the application need not see it. */
function takeClientInfo({ headers, rawHeaders }: IncomingMessage): string {
  const value = headers[CLIENT_INFO]
  delete headers[CLIENT_INFO]
  const at = rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === CLIENT_INFO)
  if (at >= 0) rawHeaders.splice(at, 2)
  return decodeURIComponent(String(value))
}
