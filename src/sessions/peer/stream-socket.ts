// What the request and the response of a stream are on, in place of a connection: made for this stream, it tells its client.
import type { Server } from 'node:net'
import { Writable } from 'node:stream'
import { FRAME, WINDOW, type Mux } from './mux.ts'

export class StreamSocket extends Writable {
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
    clearTimeout(this.#timer)
    done(error)
  }

  /** As that of a net.Socket: 'timeout' after so many idle milliseconds, 0 for never. */
  setTimeout(milliseconds: number, heard?: () => void): this {
    clearTimeout(this.#timer)
    this.#timer = milliseconds > 0 ? setTimeout(() => this.emit('timeout'), milliseconds).unref() : undefined
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
