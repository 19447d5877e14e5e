// Topics for WebSockets of `ws`: who is in a topic gets what is published on it, on whichever worker or machine.
//
// A message is made into bytes once, and every client of this worker is sent the same bytes. `ws` makes the header of a
// frame (2 to 10 bytes) for each of them: it can make a frame ahead (Sender.frame), and has no public way to send one.
import { randomBytes } from 'node:crypto'
import { misuse, Reader, show } from '../options/reader.ts'
import type { Bus, BusMessage } from './bus.ts'
import { checkName, pack } from './messages.ts'

/** A WebSocket of `ws`, as far as it matters here. */
export interface TopicSocket {
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: Buffer, options: { binary: boolean }): void
  close(code: number, reason: string): void
  once(event: 'close', listener: () => void): unknown
}

/** A WebSocketServer of `ws`, as far as it matters here. */
export interface TopicServer {
  on(event: 'close', listener: () => void): unknown
}

/** Options of {@link broadcastTo}. */
export interface TopicsOptions {
  /** Bytes that may wait in this process for a client before it counts as slow. @default 1 MiB */
  maxBuffered?: number
  /**
   * What a slow client gets. 'skip': not this message. 'close': its connection is closed with code 1013 (try again
   * later), so that it knows. Both are counted.
   * @default 'skip'
   */
  slow?: 'skip' | 'close'
  /** Before the names of topics, as channels of the bus. @default 'topic:' */
  prefix?: string
}

export interface TopicsStatus {
  /** Sockets of this process that are in a topic. */
  sockets: number
  /** Topics that these are in. */
  topics: number
  /** Messages sent, once for each socket. */
  sent: number
  /** Messages that a slow client did not get. */
  skipped: number
  /** Slow clients that were closed. */
  closed: number
}

export interface Topics {
  /** Until `leave`, or until the socket is closed. */
  join(socket: TopicSocket, topic: string): void
  leave(socket: TopicSocket, topic: string): void
  /**
   * Sends to everybody in the topic, on all workers: bytes as a binary message, a string as text, anything else as JSON.
   *
   * @param options - `except`: a socket of this process that does not get it, such as the sender
   */
  publish(topic: string, data: BusMessage, options?: { except?: TopicSocket }): void
  status(): TopicsStatus
  /** Everybody leaves everything. */
  close(): void
}

/** WebSocket close code: try again later (IANA's registry). */
const TRY_AGAIN_LATER = 1013

/** readyState of a WebSocket, as in browsers. */
const OPEN = 1

/** Before the data: a byte that says what it is, who published it (8 bytes), and its socket that is left out (uint32). */
const HEADER = 13
const BINARY = 1

/**
 * Topics for the clients of a WebSocketServer, carried by a bus.
 *
 * @param wss - of `ws`; when it is closed, everybody leaves
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 * @example
 * const topics = broadcastTo(wss, createBus())
 * wss.on('connection', (socket) => {
 *   topics.join(socket, 'news')
 *   socket.on('message', (data, isBinary) => topics.publish('news', isBinary ? data : data.toString(), { except: socket }))
 * })
 */
export function broadcastTo(wss: TopicServer, bus: Bus, options?: TopicsOptions): Topics {
  const read = new Reader('broadcastTo options', options)
  const maxBuffered = read.integer('maxBuffered', { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 1024 * 1024 })
  const slow = read.oneOf('slow', ['skip', 'close'], 'skip')
  const prefix = read.string('prefix') ?? 'topic:'
  read.done()
  checkArguments(wss, bus)
  const origin = randomBytes(8)
  const numbers = new WeakMap<TopicSocket, number>()
  let lastNumber = 0
  const topics = new Map<string, { sockets: Set<TopicSocket>; end: () => void }>()
  /** What each socket is in. */
  const joined = new Map<TopicSocket, Set<string>>()
  const counts = { sent: 0, skipped: 0, closed: 0 }

  function numberOf(socket: TopicSocket): number {
    const number = numbers.get(socket) ?? ++lastNumber
    numbers.set(socket, number)
    return number
  }

  function join(socket: TopicSocket, topic: string): void {
    checkName('topic', topic)
    if (socket.readyState > OPEN) return
    const found = topics.get(topic)
    if (found === undefined) topics.set(topic, open(topic, socket))
    else found.sockets.add(socket)
    const own = joined.get(socket)
    if (own !== undefined) return void own.add(topic)
    joined.set(socket, new Set([topic]))
    socket.once('close', () => {
      for (const one of joined.get(socket) ?? []) leave(socket, one)
      joined.delete(socket)
    })
  }

  function open(topic: string, first: TopicSocket) {
    const sockets = new Set([first])
    return { sockets, end: bus.subscribe(prefix + topic, (message) => deliver(sockets, message)) }
  }

  function leave(socket: TopicSocket, topic: string): void {
    const found = topics.get(topic)
    if (found?.sockets.delete(socket) !== true) return
    joined.get(socket)?.delete(topic)
    if (found.sockets.size > 0) return
    topics.delete(topic)
    found.end()
  }

  function publish(topic: string, data: BusMessage, { except }: { except?: TopicSocket } = {}): void {
    checkName('topic', topic)
    const body = typeof data === 'string' ? data : pack(data).body
    const header = Buffer.alloc(HEADER)
    header[0] = typeof body === 'string' ? 0 : BINARY
    if (except !== undefined) {
      origin.copy(header, 1)
      header.writeUInt32LE(numberOf(except), 9)
    }
    bus.publish(prefix + topic, Buffer.concat([header, typeof body === 'string' ? Buffer.from(body) : body]))
  }

  function deliver(sockets: ReadonlySet<TopicSocket>, message: BusMessage): void {
    // Not ours, if it is anything else.
    if (!Buffer.isBuffer(message) || message.length < HEADER) return
    const binary = message[0] === BINARY
    const data = message.subarray(HEADER)
    const left = message.subarray(1, 9).equals(origin) ? message.readUInt32LE(9) : 0
    for (const socket of sockets) {
      if (socket.readyState !== OPEN || (left !== 0 && numbers.get(socket) === left)) continue
      if (socket.bufferedAmount <= maxBuffered) {
        socket.send(data, { binary })
        counts.sent++
      } else if (slow === 'skip') counts.skipped++
      else {
        socket.close(TRY_AGAIN_LATER, 'too slow')
        counts.closed++
      }
    }
  }

  function close(): void {
    for (const { end } of topics.values()) end()
    topics.clear()
    joined.clear()
  }

  wss.on('close', close)
  return {
    join,
    leave,
    publish,
    status() {
      const sockets = [...joined.values()].filter((own) => own.size > 0).length
      return { sockets, topics: topics.size, ...counts }
    },
    close,
  }
}

function checkArguments(wss: unknown, bus: unknown): void {
  const has = (it: unknown, method: string): boolean =>
    typeof it === 'object' && it !== null && typeof Reflect.get(it, method) === 'function'
  if (!has(wss, 'on')) {
    throw misuse(TypeError, `broadcastTo: expected a WebSocketServer, got ${show(wss)}; write broadcastTo(wss, bus)`)
  }
  if (!has(bus, 'subscribe')) {
    throw misuse(TypeError, `broadcastTo: expected a bus, got ${show(bus)}; write broadcastTo(wss, createBus())`)
  }
}
