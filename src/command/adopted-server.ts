// The life of one server of the program that shares a port with the other workers: from its `listen()` to its `close()` it
// finds what it would find alone, and has no socket.
import type { Server } from 'node:net'
import type { Address } from '../ipc/messages.ts'
import type { ServerInside } from '../serving/attach.ts'
import { ListeningHandle } from '../serving/listening-handle.ts'
import { isHttp, isTls } from '../serving/target.ts'
import { systemError } from './open-socket.ts'

export interface AdoptedServerEvents {
  /** The program has closed the server. */
  onClose(server: AdoptedServer): void
  /** Whether the server keeps the process running has changed. */
  onReference(): void
}

export class AdoptedServer {
  readonly server: Server
  readonly #handle: ListeningHandle
  #isClosed = false

  /**
   * Makes the server listen. Node finishes the call of `listen()` with the handle.
   *
   * @param address - where the program wants it to listen; undefined for a path
   * @param isTaken - another server of the program listens there: Node emits the error EADDRINUSE
   */
  constructor(server: Server, address: Address | undefined, isTaken: boolean, events: AdoptedServerEvents) {
    this.server = server
    const onClose = (): void => {
      this.#isClosed = true
      events.onClose(this)
    }
    const result = isTaken ? addressInUse() : 0
    this.#handle = new ListeningHandle(address, { ...events, onClose }, { isAdopted: true, result })
    ;(server as Server & ServerInside)._handle = this.#handle
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether the server keeps the process running: the program has not called `server.unref()`. */
  get isReferenced(): boolean {
    return this.#handle.isReferenced
  }

  /**
   * Calls back once, as soon as the server has a listener for connections. Programs that look for a free port listen without
   * one.
   */
  whenServing(callback: () => void): void {
    if (isServing(this.server)) return callback()
    const onNewListener = (event: string | symbol): void => {
      if (!SERVING.includes(event)) return
      this.server.off('newListener', onNewListener)
      // The listener is added after this event.
      setImmediate(callback)
    }
    this.server.on('newListener', onNewListener)
  }
}

/** The events by which a server serves. */
const SERVING: readonly (string | symbol)[] = [
  'connection',
  'secureConnection',
  'request',
  'checkContinue',
  'checkExpectation',
  'upgrade',
  'connect',
  'stream',
  'session',
]

/** Whether the server has a listener for connections beside those of Node itself. */
function isServing(server: Server): boolean {
  // A server with its own way of emitting may serve without listeners.
  if (Object.hasOwn(server, 'emit')) return true
  const ofNode: Record<string, number> = {
    connection: isTls(server) || isHttp(server) ? 1 : 0,
    secureConnection: isTls(server) && isHttp(server) ? 1 : 0,
  }
  return SERVING.some((event) => server.listenerCount(event) > (ofNode[String(event)] ?? 0))
}

/** The error number on this platform. */
function addressInUse(): number {
  const { errno } = systemError('EADDRINUSE') ?? {}
  if (errno === undefined) throw new Error('this platform has no EADDRINUSE')
  return errno
}
