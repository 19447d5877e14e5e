// Topics for WebSockets of `ws`: the sockets in a topic get its messages, on all workers and machines.
//
// A message is made into bytes once, and every socket of this worker is sent the same bytes. `ws` makes the header of a
// frame (2 to 10 bytes) for each socket: it can make a frame ahead (Sender.frame), and has no public method to send
// one.
import { randomBytes } from 'node:crypto'
import { misuse, Reader, show } from '../options/reader.ts'
import type { Bus, BusMessage } from './bus.ts'
import { checkName, pack } from './messages.ts'

/** The members of a `ws` WebSocket that are used here. */
export interface TopicSocket {
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: Buffer, options: { binary: boolean }): void
  close(code: number, reason: string): void
  once(event: 'close', listener: () => void): unknown
}

/** The members of a `ws` WebSocketServer that are used here. */
export interface TopicServer {
  on(event: 'close', listener: () => void): unknown
}

/** Options of {@link broadcastTo}. */
export interface TopicsOptions {
  /** Bytes that may wait in this process for a client before it counts as slow. @default 1 MiB */
  maxBuffered?: number
  /**
   * What happens to a message for a slow client. 'skip': the client does not get it. 'close': its connection is closed
   * with code 1013 (try again later), so that the client notices. Both are counted.
   * @default 'skip'
   */
  slow?: 'skip' | 'close'
  /** The start of the channel names of topics on the bus. @default 'topic:' */
  prefix?: string
}

export interface TopicsStatus {
  /** Sockets of this process that are in at least one topic. */
  sockets: number
  /** Topics that have a socket of this process. */
  topics: number
  /** Messages sent: one per message and socket. */
  sent: number
  /** Messages that a slow client did not get, with slow: 'skip'. */
  skipped: number
  /** Slow clients that were closed, with slow: 'close'. */
  closed: number
}

export interface Topics {
  /**
   * Adds a socket until `leave`, or until the socket is closed; a closed socket is not added.
   *
   * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION for a wrong topic
   */
  join(socket: TopicSocket, topic: string): void
  leave(socket: TopicSocket, topic: string): void
  /**
   * Sends a message to all sockets in the topic, on all workers: bytes as a binary message, a string as text, anything
   * else as JSON.
   *
   * @param options - `except`: a socket of this process that does not get the message, such as the sender
   * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION for a wrong topic or message
   */
  publish(topic: string, data: BusMessage, options?: { except?: TopicSocket }): void
  status(): TopicsStatus
  /** Takes all sockets out of all topics. */
  close(): void
}

/** WebSocket close code: try again later (IANA's registry). */
const TRY_AGAIN_LATER = 1013

/** readyState of a WebSocket, as in browsers. */
const OPEN = 1

/**
 * Bytes before the data: whether it is binary (byte), publisher (8 bytes), number of the socket that is left out
 * (uint32).
 */
const HEADER = 13
const BINARY = 1

/**
 * Topics for the clients of a WebSocketServer, carried by a bus.
 *
 * @param wss - a WebSocketServer of `ws`; when it is closed, all sockets leave their topics
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
  /** For the header of a message that leaves out a socket. */
  const numbers = new WeakMap<TopicSocket, number>()
  let lastNumber = 0
  const topics = new Map<string, { sockets: Set<TopicSocket>; unsubscribe: () => void }>()
  /** The topics of each socket. */
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
      for (const left of joined.get(socket) ?? []) leave(socket, left)
      joined.delete(socket)
    })
  }

  function open(topic: string, first: TopicSocket) {
    const sockets = new Set([first])
    return { sockets, unsubscribe: bus.subscribe(prefix + topic, (message) => deliver(sockets, message)) }
  }

  function leave(socket: TopicSocket, topic: string): void {
    const found = topics.get(topic)
    if (found?.sockets.delete(socket) !== true) return
    joined.get(socket)?.delete(topic)
    if (found.sockets.size > 0) return
    topics.delete(topic)
    found.unsubscribe()
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
    // Another program may publish on the same channel.
    if (!Buffer.isBuffer(message) || message.length < HEADER) return
    const binary = message[0] === BINARY
    const data = message.subarray(HEADER)
    const excepted = message.subarray(1, 9).equals(origin) ? message.readUInt32LE(9) : 0
    for (const socket of sockets) {
      if (socket.readyState !== OPEN || (excepted !== 0 && numbers.get(socket) === excepted)) continue
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
    for (const { unsubscribe } of topics.values()) unsubscribe()
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
  const has = (value: unknown, method: string): boolean =>
    typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function'
  if (!has(wss, 'on')) {
    throw misuse(TypeError, `broadcastTo: expected a WebSocketServer, got ${show(wss)}; write broadcastTo(wss, bus)`)
  }
  if (!has(bus, 'subscribe')) {
    throw misuse(TypeError, `broadcastTo: expected a bus, got ${show(bus)}; write broadcastTo(wss, createBus())`)
  }
}
