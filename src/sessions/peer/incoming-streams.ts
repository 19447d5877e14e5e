// Requests that came in at another worker, over a mux: the application's server gets them like its own.
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { World } from '../../world.ts'
import type { StreamHead } from './outgoing-streams.ts'
import { StreamTable } from './stream-table.ts'
import type { Emit, SetAffinityCookie } from '../../serving/target.ts'
import { FRAME, Mux, WINDOW } from './mux.ts'
import { assignClientInfo } from './client-info.ts'

interface StreamState {
  socket: StreamSocket
  request: IncomingMessage
  /** Bytes of the body that the application has not read. */
  unread: number
}

export interface StreamTarget {
  server: Server
  /** Tells the application's server of a request, as it is. */
  emit: Emit
  setAffinityCookie: SetAffinityCookie
  world: World
}

/** The streams of one other process. */
export class IncomingStreams {
  readonly #mux: Mux
  readonly #server: Server
  readonly #emit: Emit
  readonly #setAffinityCookie: SetAffinityCookie
  #streams = new StreamTable<StreamState>()

  constructor(socket: Socket, head: Buffer, target: StreamTarget, onclose: () => void) {
    const { server, emit, setAffinityCookie, world } = target
    this.#server = server
    this.#emit = emit
    this.#setAffinityCookie = setAffinityCookie
    socket.unref()
    // Read in a turn of its own: the application may throw.
    if (head.length > 0) socket.unshift(head)
    this.#mux = new Mux(socket, world, {
      frame: (kind, id, payload) => this.#frame(kind, id, payload),
      closed: () => {
        onclose()
        for (const stream of this.#streams) cutOff(stream)
        this.#streams = new StreamTable()
      },
    })
  }

  /** Asks for no more; the other end closes when it has all answers. */
  finish(): void {
    this.#mux.send(FRAME.goaway, 0)
  }

  #frame(kind: number, id: number, payload: Buffer): void {
    if (kind === FRAME.open) return this.#open(id, JSON.parse(payload.toString()) as StreamHead)
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    const { request, socket } = stream
    if (kind === FRAME.credit) socket.credit(payload.readUInt32LE(0))
    if (kind === FRAME.data) {
      stream.unread += payload.length
      socket.touch()
      request.push(payload)
    }
    if (kind === FRAME.end) complete(request, JSON.parse(payload.toString()) as string[])
    if (kind === FRAME.abort) {
      this.#streams.delete(id)
      cutOff(stream)
    }
  }

  #open(id: number, head: StreamHead): void {
    const socket = new StreamSocket(this.#mux, id, this.#server)
    assignClientInfo(socket, head.client)
    const request = requestOf(socket, head)
    const stream: StreamState = { socket, request, unread: 0 }
    this.#streams.set(id, stream)
    const read: (size: number) => void = Reflect.get(request, '_read')
    Reflect.set(request, '_read', (size: number) => {
      if (stream.unread > 0) this.#mux.sendCredit(id, stream.unread)
      stream.unread = 0
      read.call(request, size)
    })
    if (!head.body) complete(request, [])
    const response = new ServerResponse(request)
    response.shouldKeepAlive &&= head.keepAlive
    response.assignSocket(socket as never)
    if (head.free) this.#setAffinityCookie(request, response)
    const isAsked = head.event === 'checkContinue' && this.#server.listenerCount('checkContinue') > 0
    // As Node's server does it for its connections. Expecting: an answer other than 100 ends the connection, because the
    // client may or may not send the body.
    Object.assign(response, {
      _keepAliveTimeout: Reflect.get(this.#server, 'keepAliveTimeout'),
      _maxRequestsPerSocket: Reflect.get(this.#server, 'maxRequestsPerSocket'),
      _expect_continue: isAsked,
    })
    socket.on('drain', () => response.emit('drain'))
    socket.on('timeout', () => {
      const heard = [!request.complete && request.emit('timeout', socket), response.emit('timeout', socket)]
      if (!heard.includes(true) && !this.#server.emit('timeout', socket)) socket.destroy()
    })
    response.once('finish', () => {
      this.#streams.delete(id)
      this.#mux.send(FRAME.end, id, Buffer.of(Number(Reflect.get(response, '_last') === true)))
      dump(request)
      // Its 'close' is the response's. Within its own write it would make an error for nobody.
      process.nextTick(() => {
        socket.destroy()
        // The rest of the body is not sent here any more.
        if (!request.complete) request.destroy()
      })
    })
    socket.once('close', () => {
      // The application has cut it off.
      if (!this.#streams.delete(id)) return
      this.#mux.send(FRAME.abort, id)
      cutOff(stream)
    })
    if (head.event === 'checkContinue' && !isAsked) {
      response.writeContinue()
      this.#emit('request', request, response)
    } else {
      this.#emit(head.event, request, response)
    }
  }
}

function requestOf(socket: StreamSocket, { method, url, version, headers }: StreamHead): IncomingMessage {
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

/** Node's own way from pairs to `headers`, or to `trailers` where the message is complete. */
function addHeaderLines(request: IncomingMessage, lines: string[]): void {
  const add = Reflect.get(request, '_addHeaderLines') as (lines: string[], count: number) => void
  add.call(request, lines, lines.length)
}

/** What Node's server does when an answer is complete: a request that nobody reads ends all the same. */
function dump(request: IncomingMessage): void {
  if (Reflect.get(request, '_consumed') !== true) (Reflect.get(request, '_dump') as () => void).call(request)
}

/** The client is gone, or the worker that it is connected to: a request hears of it, read or not, as on a connection. */
function cutOff({ request, socket }: StreamState): void {
  socket.destroy()
  request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }))
}

/** What the request and the response of a stream are on, in place of a connection: made for this stream, it tells its client. */
class StreamSocket extends Writable {
  readonly server: Server
  readonly #mux: Mux
  readonly #id: number
  /** Bytes of the answer that may still be sent. */
  #window = WINDOW
  #waiting: (() => void) | undefined
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

  /** So many bytes have gone on to the client. */
  credit(bytes: number): void {
    this.#window += bytes
    if (this.#window <= 0) return
    const written = this.#waiting
    this.#waiting = undefined
    written?.()
  }

  /** Something has come or gone: a timeout begins anew. */
  touch(): void {
    this.#timer?.refresh()
  }

  /** Body parsers take a request whose socket is not readable for one that has ended. */
  get readable(): boolean {
    return !this.destroyed
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#mux.world.clearTimeout(this.#timer)
    done(error)
  }

  /** As that of a net.Socket: 'timeout' after so many idle milliseconds, 0 for never. */
  setTimeout(milliseconds: number, heard?: () => void): this {
    const { world } = this.#mux
    world.clearTimeout(this.#timer)
    this.#timer = milliseconds > 0 ? world.setTimeout(() => this.emit('timeout'), milliseconds).unref() : undefined
    if (heard !== undefined) this.once('timeout', heard)
    return this
  }

  resetAndDestroy(): this {
    return this.destroy()
  }

  #send(bytes: Buffer, written: () => void): void {
    this.touch()
    this.#mux.send(FRAME.data, this.#id, bytes)
    this.#window -= bytes.length
    if (this.#window > 0) written()
    else this.#waiting = written
  }

  destroySoon(): void {
    this.end(() => this.destroy())
  }

  address(): object {
    return { address: Reflect.get(this, 'localAddress'), port: Reflect.get(this, 'localPort') }
  }

  // What applications do with sockets, and is about a connection that is another worker's.

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
