// Requests that go to another worker, over its mux, and the bytes of the answer on their way to the client.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { World } from '../../world.ts'
import { StreamTable } from './stream-table.ts'
import { mayHaveBody } from './forward-headers.ts'
import { FRAME, Mux, MUX_PROTOCOL, WINDOW } from './mux.ts'
import { encodeClientInfo } from './client-info.ts'

/** The first frame of a stream. */
export interface StreamHead {
  event: string
  method: string
  url: string
  version: string
  headers: string[]
  /** Whether a body follows. */
  body: boolean
  /** Whether the client's connection stays open after the answer. */
  keepAlive: boolean
  client: string
  /** It is of no session yet. */
  free: boolean
}

/** Why a forwarded request got no answer, or no complete one. */
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

interface StreamState {
  id: number
  request: IncomingMessage
  response: ServerResponse
  failures: ForwardFailures
  /** Whether it has a body. */
  body: boolean
  /** Bytes of the body that may still be sent. */
  window: number
  /** Of the request's head. */
  frame: number
  answered: boolean
  /** Bytes of the answer that the other worker has no credit for yet. */
  unsent: number
}

/** The streams to one process. */
export class OutgoingStreams {
  #streams = new StreamTable<StreamState>()
  readonly #onclose: () => void
  readonly #mux: Mux
  #connected = false
  /** No new streams. */
  #isClosed = false
  #reason = 'the connection was closed'

  /** @param onclose - no stream can be made any more */
  constructor(path: string, world: World, onclose: () => void) {
    this.#onclose = onclose
    const socket = connect({ path })
    socket.once('connect', () => {
      this.#connected = true
      for (const stream of this.#streams) this.#sendBody(stream)
    })
    socket.once('error', ({ message }) => (this.#reason = message))
    socket.write(`GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: ${MUX_PROTOCOL}\r\n\r\n`)
    // What keeps this process running is its own work.
    socket.unref()
    this.#mux = new Mux(socket, world, {
      frame: (kind, id, payload) => this.#frame(kind, id, payload),
      closed: () => {
        this.#close()
        const lost = this.#streams
        this.#streams = new StreamTable()
        // Each in a turn of its own: what is served here then is the application's, which may throw.
        for (const stream of lost) world.setImmediate(() => this.#lost(stream))
      },
    })
  }

  open(
    request: IncomingMessage,
    response: ServerResponse,
    event: string,
    free: boolean,
    failures: ForwardFailures,
  ): void {
    if (this.#isClosed) return failures.unreachable()
    const body = mayHaveBody(request)
    const stream: StreamState = {
      id: 0,
      request,
      response,
      failures,
      body,
      window: WINDOW,
      frame: 0,
      answered: false,
      unsent: 0,
    }
    const id = (stream.id = this.#streams.add(stream))
    const head: StreamHead = {
      event,
      method: request.method ?? 'GET',
      url: request.url ?? '/',
      version: request.httpVersion,
      headers: request.rawHeaders,
      body,
      // Node closes a connection that has had the most requests it may have (`server.maxRequestsPerSocket`).
      keepAlive: response.shouldKeepAlive && Reflect.get(response, 'maxRequestsOnConnectionReached') !== true,
      client: encodeClientInfo(request.socket),
      free,
    }
    stream.frame = this.#mux.send(FRAME.open, id, Buffer.from(JSON.stringify(head)))
    // Not before anybody is there: who was never reached leaves the request as it is, for whoever serves it then.
    if (this.#connected) this.#sendBody(stream)
    response.once('close', () => {
      if (!this.#streams.delete(id)) return
      this.#mux.send(FRAME.abort, id)
      this.#endWhenIdle()
    })
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onclose()
  }

  #endWhenIdle(): void {
    if (this.#isClosed && this.#streams.size === 0) this.#mux.end()
  }

  #sendBody(stream: StreamState): void {
    const { id, request, body } = stream
    if (!body) return
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
        if (!stream.answered) this.#beginAnswer(stream)
        stream.unsent += payload.length
        // Also what came while it could not go on.
        if (response.write(payload)) this.#giveCredit(stream)
        break
      case FRAME.end:
        this.#streams.delete(id)
        // What of the body was not wanted.
        if (!request.readableEnded) request.removeAllListeners('data').resume()
        // Only what the answer's own head says: a client that was told to keep the connection uses it again.
        if (payload[0] === 1) Reflect.set(response, '_last', true)
        response.end()
        this.#endWhenIdle()
        break
      case FRAME.credit:
        stream.window += payload.readUInt32LE(0)
        if (stream.window > 0) request.resume()
        break
      case FRAME.abort:
        // The application there has cut it off, which is meant for the client.
        this.#streams.delete(id)
        response.destroy()
        this.#endWhenIdle()
        break
    }
  }

  #beginAnswer(stream: StreamState): void {
    stream.answered = true
    passThrough(stream.response)
    stream.response.on('drain', () => this.#giveCredit(stream))
  }

  #giveCredit(stream: StreamState): void {
    // Short answers never need it.
    if (stream.unsent < WINDOW / 4) return
    this.#mux.sendCredit(stream.id, stream.unsent)
    stream.unsent = 0
  }

  #lost({ frame, answered, response, failures }: StreamState): void {
    if (response.destroyed) return
    if (answered) {
      response.destroy()
    } else if (this.#connected) {
      failures.ended(this.#reason, this.#mux.isUnread(frame))
    } else {
      failures.unreachable()
    }
  }
}

/**
 * From now on what is written to the response goes to the client as it is: the other worker's response has made the head
 * and the framing. It stays in its place among the answers of its connection.
 */
function passThrough(response: ServerResponse): void {
  Object.assign(response, { _header: '-', _headerSent: true, _hasBody: true, chunkedEncoding: false })
}
