// A request goes on to the worker that owns it: over the mux to that process, or over HTTP where the mux cannot carry it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { StickyError } from '../../errors.ts'
import type { Peer } from '../../ipc/messages.ts'
import type { Runtime } from '../../runtime.ts'
import type { World } from '../../world.ts'
import { isRepeatable } from './forward-headers.ts'
import { forwardHttp2Request, forwardUpgrade } from './forward-http.ts'
import { OutgoingStreams, type ForwardFailures } from './outgoing-streams.ts'
import { peerSocketPath } from './peer-socket.ts'

export interface ForwarderOptions {
  /** The application's server, at which requests come in. */
  server: Server
  /** Number of its listener. */
  listener: number
  /** The folder of the peer sockets. */
  folder: string
  runtime: Pick<Runtime, 'isDraining' | 'logger'>
  world: World
}

/** Forwards requests and upgrades to other workers; has a mux to each process that it forwarded a request to. */
export class Forwarder {
  readonly #options: ForwarderOptions
  /** The muxes that take new requests, by the instance of the process at their other end. */
  readonly #muxes = new Map<number, OutgoingStreams>()
  /** Requests that were forwarded a second time, because the first worker ended before it read them. */
  readonly #repeated = new WeakSet<IncomingMessage>()

  constructor(options: ForwarderOptions) {
    this.#options = options
  }

  /**
   * Forwards a request to its owner and the answer to the client. Where the owner ends before it answers, the client
   * gets 502 with HOLDFAST_OWNER_GONE.
   *
   * @param event - the event of the application's server: 'request', 'checkContinue' or 'checkExpectation'
   * @param maySetCookie - whether the answer may set the affinity cookie
   * @param retry - called where the owner has not read the request, which may be routed again
   */
  request(
    request: IncomingMessage,
    response: ServerResponse,
    event: string,
    owner: Peer,
    maySetCookie: boolean,
    retry: () => void,
  ): void {
    if (this.#options.runtime.isDraining) response.shouldKeepAlive = false
    const failures = new RequestFailures(this, request, response, owner, retry)
    // The answer to an HTTP/2 request is not made of bytes that can be passed on.
    if (request.httpVersionMajor === 2) forwardHttp2Request(request, response, event, this.#pathOf(owner), failures)
    else this.#muxTo(owner).open(request, response, event, maySetCookie, failures)
  }

  /**
   * Forwards an upgrade where the socket cannot be transferred: the bytes of both directions pass through this process.
   *
   * @param head - what was read behind the request's head
   * @param retry - called where the owner cannot be reached; nothing was sent
   */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, owner: Peer, retry: () => void): void {
    forwardUpgrade(this.#options.server, request, socket, head, this.#pathOf(owner), {
      unreachable: retry,
      ended: (reason) => {
        this.logFailure(owner, reason)
        socket.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      },
    })
  }

  /** Logs that the owner of a request or upgrade ended before it answered. */
  logFailure({ worker }: Peer, reason: string): void {
    this.#options.runtime.logger.warn('forward.failed', { worker, reason })
  }

  /** @returns false the second time for the same request */
  mayRepeat(request: IncomingMessage): boolean {
    if (this.#repeated.has(request) || !isRepeatable(request)) return false
    this.#repeated.add(request)
    return true
  }

  #muxTo(owner: Peer): OutgoingStreams {
    const { instance } = owner
    let mux = this.#muxes.get(instance)
    if (mux === undefined) {
      mux = new OutgoingStreams(this.#pathOf(owner), this.#options.world, () => this.#muxes.delete(instance))
      this.#muxes.set(instance, mux)
    }
    return mux
  }

  #pathOf({ instance }: Peer): string {
    return peerSocketPath(this.#options.folder, instance, this.#options.listener)
  }
}

/** A class rather than an object of closures, because there is one per forwarded request. */
class RequestFailures implements ForwardFailures {
  readonly #forwarder: Forwarder
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #owner: Peer
  readonly unreachable: () => void

  constructor(
    forwarder: Forwarder,
    request: IncomingMessage,
    response: ServerResponse,
    owner: Peer,
    retry: () => void,
  ) {
    this.#forwarder = forwarder
    this.#request = request
    this.#response = response
    this.#owner = owner
    this.unreachable = retry
  }

  ended(reason: string, isUnread: boolean): void {
    if (isUnread && this.#forwarder.mayRepeat(this.#request)) return this.unreachable()
    this.#forwarder.logFailure(this.#owner, reason)
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
    this.#response.writeHead(502, headers)
    const { code, message } = new StickyError('HOLDFAST_OWNER_GONE')
    this.#response.end(`${code}: ${message}\n`)
  }
}
