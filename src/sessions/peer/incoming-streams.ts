// Requests that came in at another worker arrive here over a mux. The application's server gets them like its own.
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { Emit } from '../../serving/target.ts'
import type { World } from '../../world.ts'
import type { AffinityCookie } from '../affinity-cookie.ts'
import { assignClientInfo } from './client-info.ts'
import { FRAME, Mux, WINDOW } from './mux.ts'
import type { StreamHead } from './outgoing-streams.ts'
import { StreamTable } from './stream-table.ts'

interface IncomingStream {
  socket: StreamSocket
  request: IncomingMessage
  /** Bytes of the body that the application has not read. */
  unread: number
}

export interface StreamTarget {
  /** The application's server. */
  server: Server
  /** Gives the application a request, which is not routed again. */
  deliver: Emit
  cookie: Pick<AffinityCookie, 'addToResponse'>
  world: World
}

/** The streams of one other process. */
export class IncomingStreams {
  readonly #target: StreamTarget
  readonly #mux: Mux
  #streams = new StreamTable<IncomingStream>()

  /**
   * @param socket - a connection of the peer socket that was upgraded to a mux
   * @param head - what was read behind the request's head
   * @param onClose - called when the connection has ended
   */
  constructor(socket: Socket, head: Buffer, target: StreamTarget, onClose: () => void) {
    this.#target = target
    socket.unref()
    // Read in its own turn, because the application may throw.
    if (head.length > 0) socket.unshift(head)
    this.#mux = new Mux(socket, target.world, {
      frame: (kind, id, payload) => this.#frame(kind, id, payload),
      closed: () => {
        onClose()
        for (const stream of this.#streams) cutOff(stream)
        this.#streams = new StreamTable()
      },
    })
  }

  /** Asks the other end for no more requests. It closes the connection when it has all answers. */
  finish(): void {
    this.#mux.send(FRAME.goaway, 0)
  }

  #frame(kind: number, id: number, payload: Buffer): void {
    if (kind === FRAME.open) return this.#open(id, JSON.parse(payload.toString()) as StreamHead)
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    const { request, socket } = stream
    if (kind === FRAME.credit) socket.addCredit(payload.readUInt32LE(0))
    if (kind === FRAME.data) {
      stream.unread += payload.length
      socket.restartTimeout()
      request.push(payload)
    }
    if (kind === FRAME.end) complete(request, JSON.parse(payload.toString()) as string[])
    if (kind === FRAME.abort) {
      this.#streams.delete(id)
      cutOff(stream)
    }
  }

  #open(id: number, head: StreamHead): void {
    const { server, deliver, cookie } = this.#target
    const socket = new StreamSocket(this.#mux, id, server)
    assignClientInfo(socket, head.client)
    const request = createRequest(socket, head)
    const stream: IncomingStream = { socket, request, unread: 0 }
    this.#streams.set(id, stream)
    this.#giveCreditWhenRead(id, stream)
    if (!head.hasBody) complete(request, [])
    const response = new ServerResponse(request)
    response.shouldKeepAlive &&= head.keepAlive
    response.assignSocket(socket as never)
    if (head.maySetCookie) cookie.addToResponse(request, response)
    const decidesContinue = head.event === 'checkContinue' && server.listenerCount('checkContinue') > 0
    // Node's server sets these for its connections. `_expect_continue`: an answer other than 100 ends the connection,
    // because the client may send the body or not.
    Object.assign(response, {
      _keepAliveTimeout: Reflect.get(server, 'keepAliveTimeout'),
      _maxRequestsPerSocket: Reflect.get(server, 'maxRequestsPerSocket'),
      _expect_continue: decidesContinue,
    })
    socket.on('drain', () => response.emit('drain'))
    socket.on('timeout', () => {
      const handled = [!request.complete && request.emit('timeout', socket), response.emit('timeout', socket)]
      if (!handled.includes(true) && !server.emit('timeout', socket)) socket.destroy()
    })
    response.once('finish', () => {
      this.#streams.delete(id)
      this.#mux.send(FRAME.end, id, Buffer.of(Number(Reflect.get(response, '_last') === true)))
      dump(request)
      // The socket's 'close' is the response's. Within the response's own write it would be an unhandled error.
      process.nextTick(() => {
        socket.destroy()
        // The other worker sends no more of the body.
        if (!request.complete) request.destroy()
      })
    })
    socket.once('close', () => {
      // After 'finish' the stream is deleted; before it, the application has destroyed the socket.
      if (!this.#streams.delete(id)) return
      this.#mux.send(FRAME.abort, id)
      cutOff(stream)
    })
    if (head.event === 'checkContinue' && !decidesContinue) {
      response.writeContinue()
      deliver('request', request, response)
    } else {
      deliver(head.event, request, response)
    }
  }

  /** The other worker may send more of the body when the application has read what came. */
  #giveCreditWhenRead(id: number, stream: IncomingStream): void {
    const { request } = stream
    const read: (size: number) => void = Reflect.get(request, '_read')
    Reflect.set(request, '_read', (size: number) => {
      if (stream.unread > 0) this.#mux.sendCredit(id, stream.unread)
      stream.unread = 0
      read.call(request, size)
    })
  }
}

function createRequest(socket: StreamSocket, { method, url, version, headers }: StreamHead): IncomingMessage {
  const request = new IncomingMessage(socket as never)
  const [major, minor] = version.split('.').map(Number)
  Object.assign(request, { method, url, httpVersion: version, httpVersionMajor: major, httpVersionMinor: minor })
  addHeaderLines(request, headers)
  return request
}

function complete(request: IncomingMessage, trailers: string[]): void {
  request.complete = true
  if (trailers.length > 0) addHeaderLines(request, trailers)
  request.push(null)
}

/**
 * Adds to `headers`, or to `trailers` where the request is complete, as Node does it.
 *
 * @param lines - names and values in turns
 */
function addHeaderLines(request: IncomingMessage, lines: string[]): void {
  const add = Reflect.get(request, '_addHeaderLines') as (lines: string[], count: number) => void
  add.call(request, lines, lines.length)
}

/** As Node's server does it when an answer is complete: a request that the application does not read ends too. */
function dump(request: IncomingMessage): void {
  if (Reflect.get(request, '_consumed') !== true) (Reflect.get(request, '_dump') as () => void).call(request)
}

/** The client or its worker is gone. The request gets an error, read or not, as on a connection of its own. */
function cutOff({ request, socket }: IncomingStream): void {
  socket.destroy()
  request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }))
}

/** The socket of a forwarded request: made for this request, it has the client's addresses and sends the answer's bytes. */
class StreamSocket extends Writable {
  readonly server: Server
  readonly #mux: Mux
  readonly #id: number
  /** Bytes of the answer that may still be sent. */
  #window = WINDOW
  /** Called when there is credit again. */
  #written: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(mux: Mux, id: number, server: Server) {
    super({ autoDestroy: false })
    this.#mux = mux
    this.#id = id
    this.server = server
  }

  override _write(chunk: Buffer, _encoding: string, written: () => void): void {
    this.#send(chunk, written)
  }

  override _writev(chunks: { chunk: Buffer }[], written: () => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), written)
  }

  /** That many bytes have gone on to the client, and as many more may be sent. */
  addCredit(bytes: number): void {
    this.#window += bytes
    if (this.#window <= 0) return
    const written = this.#written
    this.#written = undefined
    written?.()
  }

  /** Bytes have come or gone, so the idle time begins again. */
  restartTimeout(): void {
    this.#timer?.refresh()
  }

  /** Body parsers take a request for ended where its socket is not readable. */
  get readable(): boolean {
    return !this.destroyed
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#mux.world.clearTimeout(this.#timer)
    done(error)
  }

  /** As in `net.Socket`: 'timeout' is emitted after that many milliseconds without a byte; 0: never. */
  setTimeout(milliseconds: number, onTimeout?: () => void): this {
    const { world } = this.#mux
    world.clearTimeout(this.#timer)
    this.#timer = milliseconds > 0 ? world.setTimeout(() => this.emit('timeout'), milliseconds).unref() : undefined
    if (onTimeout !== undefined) this.once('timeout', onTimeout)
    return this
  }

  resetAndDestroy(): this {
    return this.destroy()
  }

  #send(bytes: Buffer, written: () => void): void {
    this.restartTimeout()
    this.#mux.send(FRAME.data, this.#id, bytes)
    this.#window -= bytes.length
    if (this.#window > 0) written()
    else this.#written = written
  }

  destroySoon(): void {
    this.end(() => this.destroy())
  }

  address(): object {
    return { address: Reflect.get(this, 'localAddress'), port: Reflect.get(this, 'localPort') }
  }

  // Methods of `net.Socket` about a connection, which another worker has.

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  pause(): this {
    return this
  }

  resume(): this {
    return this
  }
}
