// Requests that go to another worker over a mux. The bytes of the answer go to the client as they come.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { World } from '../../world.ts'
import { encodeClientInfo } from './client-info.ts'
import { mayHaveBody } from './forward-headers.ts'
import { FRAME, Mux, MUX_PROTOCOL, WINDOW } from './mux.ts'
import { StreamTable } from './stream-table.ts'

/** The first frame of a stream. */
export interface StreamHead {
  /** The event of the application's server: 'request', 'checkContinue' or 'checkExpectation'. */
  event: string
  method: string
  url: string
  /** Of HTTP: '1.1' or '1.0'. */
  version: string
  /** Names and values in turns. */
  headers: string[]
  /** Whether a body follows. */
  hasBody: boolean
  /** Whether the client's connection stays open after the answer. */
  keepAlive: boolean
  /** See client-info.ts. */
  client: string
  /** Whether the answer may set the affinity cookie. */
  maySetCookie: boolean
}

/** Why a forwarded request got no answer. */
export interface ForwardFailures {
  /** The other worker could not be reached: nothing was sent, and the request is as it came. */
  unreachable(): void
  /**
   * The other worker was reached, and ended before it answered.
   *
   * @param reason - for a log line
   * @param isUnread - the other worker has certainly not read the request; otherwise the request may have had an effect
   */
  ended(reason: string, isUnread: boolean): void
}

interface OutgoingStream {
  id: number
  request: IncomingMessage
  response: ServerResponse
  failures: ForwardFailures
  hasBody: boolean
  /** Bytes of the body that may still be sent. */
  window: number
  /** The number of the frame with the request's head. */
  headFrame: number
  isAnswered: boolean
  /** Bytes of the answer for which the other worker has not got credit again. */
  uncredited: number
}

/** The streams to one process. */
export class OutgoingStreams {
  #streams = new StreamTable<OutgoingStream>()
  readonly #onClose: () => void
  readonly #mux: Mux
  #isConnected = false
  /** No new streams can be opened. */
  #isClosed = false
  #reason = 'the connection was closed'

  /**
   * @param path - of the other process's peer socket
   * @param onClose - called once, when no new streams can be opened
   */
  constructor(path: string, world: World, onClose: () => void) {
    this.#onClose = onClose
    const socket = connect({ path })
    socket.once('connect', () => {
      this.#isConnected = true
      for (const stream of this.#streams) this.#sendBody(stream)
    })
    socket.once('error', ({ message }) => (this.#reason = message))
    socket.write(`GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: ${MUX_PROTOCOL}\r\n\r\n`)
    // The connections of clients keep this process running, not the mux.
    socket.unref()
    this.#mux = new Mux(socket, world, {
      frame: (kind, id, payload) => this.#frame(kind, id, payload),
      closed: () => {
        this.#close()
        const unfinished = this.#streams
        this.#streams = new StreamTable()
        // Each in its own turn, because the application may serve the request now, and throw.
        for (const stream of unfinished) world.setImmediate(() => this.#fail(stream))
      },
    })
  }

  /**
   * Sends a request, and its answer to the client.
   *
   * @param event - the event of the application's server: 'request', 'checkContinue' or 'checkExpectation'
   * @param maySetCookie - whether the answer may set the affinity cookie
   */
  open(
    request: IncomingMessage,
    response: ServerResponse,
    event: string,
    maySetCookie: boolean,
    failures: ForwardFailures,
  ): void {
    if (this.#isClosed) return failures.unreachable()
    const hasBody = mayHaveBody(request)
    const stream: OutgoingStream = {
      id: 0,
      request,
      response,
      failures,
      hasBody,
      window: WINDOW,
      headFrame: 0,
      isAnswered: false,
      uncredited: 0,
    }
    const id = (stream.id = this.#streams.add(stream))
    const head: StreamHead = {
      event,
      method: request.method ?? 'GET',
      url: request.url ?? '/',
      version: request.httpVersion,
      headers: request.rawHeaders,
      hasBody,
      // Node closes a connection after `server.maxRequestsPerSocket` requests.
      keepAlive: response.shouldKeepAlive && Reflect.get(response, 'maxRequestsOnConnectionReached') !== true,
      client: encodeClientInfo(request.socket),
      maySetCookie,
    }
    stream.headFrame = this.#mux.send(FRAME.open, id, Buffer.from(JSON.stringify(head)))
    // Until the other worker is reached, the body stays unread for another server of the request.
    if (this.#isConnected) this.#sendBody(stream)
    response.once('close', () => {
      if (!this.#streams.delete(id)) return
      this.#mux.send(FRAME.abort, id)
      this.#endWhenIdle()
    })
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onClose()
  }

  #endWhenIdle(): void {
    if (this.#isClosed && this.#streams.size === 0) this.#mux.end()
  }

  #sendBody(stream: OutgoingStream): void {
    const { id, request, hasBody } = stream
    if (!hasBody) return
    request.on('data', (chunk: Buffer) => {
      this.#mux.send(FRAME.data, id, chunk)
      stream.window -= chunk.length
      if (stream.window <= 0) request.pause()
    })
    request.once('end', () => this.#mux.send(FRAME.end, id, Buffer.from(JSON.stringify(request.rawTrailers))))
  }

  #frame(kind: number, id: number, payload: Buffer): void {
    if (kind === FRAME.goaway) this.#close()
    const stream = this.#streams.get(id)
    if (stream === undefined) return this.#endWhenIdle()
    const { request, response } = stream
    switch (kind) {
      case FRAME.data:
        if (!stream.isAnswered) this.#beginAnswer(stream)
        stream.uncredited += payload.length
        if (response.write(payload)) this.#giveCredit(stream)
        break
      case FRAME.end:
        this.#streams.delete(id)
        // The application has not read all of the body.
        if (!request.readableEnded) request.removeAllListeners('data').resume()
        // As the answer's own head says: a client that was told that the connection stays uses it again.
        if (payload[0] === 1) Reflect.set(response, '_last', true)
        response.end()
        this.#endWhenIdle()
        break
      case FRAME.credit:
        stream.window += payload.readUInt32LE(0)
        if (stream.window > 0) request.resume()
        break
      case FRAME.abort:
        // The application has cut the connection, so the client's is cut too.
        this.#streams.delete(id)
        response.destroy()
        this.#endWhenIdle()
        break
    }
  }

  #beginAnswer(stream: OutgoingStream): void {
    stream.isAnswered = true
    passThrough(stream.response)
    stream.response.on('drain', () => this.#giveCredit(stream))
  }

  #giveCredit(stream: OutgoingStream): void {
    // Short answers never need credit.
    if (stream.uncredited < WINDOW / 4) return
    this.#mux.sendCredit(stream.id, stream.uncredited)
    stream.uncredited = 0
  }

  /** The connection has ended before the answer was complete. */
  #fail({ headFrame, isAnswered, response, failures }: OutgoingStream): void {
    if (response.destroyed) return
    if (isAnswered) response.destroy()
    else if (this.#isConnected) failures.ended(this.#reason, this.#mux.isUnread(headFrame))
    else failures.unreachable()
  }
}

/**
 * From now on the bytes that are written to the response go to the client unchanged: the other worker's response has made
 * the head and the framing. The response keeps its place among the answers of its connection.
 */
function passThrough(response: ServerResponse): void {
  Object.assign(response, { _header: '-', _headerSent: true, _hasBody: true, chunkedEncoding: false })
}
