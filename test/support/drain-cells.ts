// What becomes of each kind of connection when its server drains: the table of docs/guarantees.md, and for each cell a
// server and a client that bring a connection into that state. The clients answer nothing and close nothing: what ends, the
// server has ended.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import http2, { type ServerHttp2Stream } from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'

/** The columns of the table. */
export const SERVERS = ['http', 'https', 'http2', 'http2 with allowHTTP1', 'h2c', 'net', 'tls'] as const

export type ServerKind = (typeof SERVERS)[number]

/**
 * What the drain does with a connection:
 *
 * - `¼ s`, `1 s`, `2 s`: closes it after that time
 * - `GOAWAY`: says GOAWAY twice, then closes it
 * - `served`: lets the request be answered, then closes it
 * - `1012`: sends a close frame, with 1001 at a shutdown, then closes it
 * - `deadline`: leaves it to the application until the deadline
 */
export type Outcome = '¼ s' | '1 s' | '2 s' | 'GOAWAY' | 'served' | '1012' | 'deadline'

/** Where a client connects to. */
export interface To {
  port: number
  /** The address that it connects from. */
  localAddress?: string
}

/** A connection of a client. */
export interface Client {
  socket: net.Socket
  /** What has come so far, as latin1. */
  received(): string
  /** Resolves when the text has come. */
  has(text: string): Promise<void>
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>
}

export interface State {
  /** The first column of the table. */
  name: string
  outcomes: Partial<Record<ServerKind, Outcome>>
  /** Brings a connection into the state. */
  enter(kind: ServerKind, to: To): Promise<Client>
  /** Completes what is under way; the server closes the connection then, in every state that is served. */
  finish?(client: Client): Promise<void>
}

const HTTP1 = ['http', 'https', 'http2 with allowHTTP1'] as const
const HTTP2 = ['http2', 'http2 with allowHTTP1', 'h2c'] as const
const TLS = ['https', 'http2', 'http2 with allowHTTP1', 'tls'] as const

/** The rows of the table. */
export const STATES: readonly State[] = [
  {
    name: 'TCP connection without a byte',
    outcomes: { ...all(['http', ...TLS], '¼ s'), h2c: 'GOAWAY', net: 'deadline' },
    enter: async (_, to) => watch(await connectTcp(to)),
    finish: echo,
  },
  {
    name: 'TLS handshake begun',
    outcomes: all(TLS, '2 s'),
    async enter(_, to) {
      const client = watch(await connectTcp(to))
      // A record of type handshake, of which 256 bytes follow.
      client.socket.write(Buffer.from('16030101000100', 'hex'))
      return client
    },
  },
  {
    name: 'TLS handshake done, no byte, not HTTP/2',
    outcomes: { https: '¼ s', http2: '2 s', 'http2 with allowHTTP1': '¼ s', tls: 'deadline' },
    enter: async (_, to) => watch(await connectTls(to)),
    finish: echo,
  },
  {
    name: 'TLS handshake done, no byte, HTTP/2',
    outcomes: all(['http2', 'http2 with allowHTTP1'], 'GOAWAY'),
    enter: async (_, to) => watch(await connectTls(to, 'h2')),
  },
  {
    name: 'HTTP/1.1, between two requests',
    outcomes: all(HTTP1, '1 s'),
    enter: sending('GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\r\n\r\n'),
  },
  {
    name: 'HTTP/1.1, half of a request head',
    outcomes: all(HTTP1, '2 s'),
    enter: sending('GET / HTTP/1.1\r\nHost: x\r\n', ''),
  },
  {
    name: 'HTTP/1.1, half of a second request head',
    outcomes: all(HTTP1, '2 s'),
    enter: sending('GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n', '\r\n\r\n'),
  },
  {
    name: 'HTTP/1.1, body or answer under way',
    outcomes: all(HTTP1, 'served'),
    enter: sending('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbefore\r\n', 'before'),
    async finish(client) {
      client.socket.write('5\r\nafter\r\n0\r\n\r\n')
      await client.has('after\r\n0\r\n\r\n')
    },
  },
  {
    name: 'WebSocket over HTTP/1.1',
    outcomes: all(HTTP1, '1012'),
    enter: upgrading('websocket'),
  },
  {
    name: 'another upgrade over HTTP/1.1',
    outcomes: all(HTTP1, 'deadline'),
    enter: upgrading('echo'),
    finish: echo,
  },
  {
    name: 'HTTP/2 session without a stream',
    outcomes: all(HTTP2, 'GOAWAY'),
    async enter(kind, to) {
      const client = await connect2(kind, to)
      client.socket.write(headers(STREAM, END_HEADERS))
      client.socket.write(frame(DATA, END_STREAM, STREAM, Buffer.from('before')))
      await client.has('before')
      await client.has(END_OF_STREAM)
      return client
    },
  },
  {
    name: 'HTTP/2 session, half of a request head',
    outcomes: all(HTTP2, 'GOAWAY'),
    async enter(kind, to) {
      const client = await connect2(kind, to)
      client.socket.write(headers(STREAM, END_HEADERS | END_STREAM).subarray(0, -2))
      return client
    },
  },
  {
    name: 'HTTP/2 stream open',
    outcomes: all(HTTP2, 'served'),
    async enter(kind, to) {
      const client = await connect2(kind, to)
      client.socket.write(headers(STREAM, END_HEADERS))
      client.socket.write(frame(DATA, 0, STREAM, Buffer.from('before')))
      await client.has('before')
      return client
    },
    async finish(client) {
      client.socket.write(frame(DATA, END_STREAM, STREAM, Buffer.from('after')))
      await client.has('after')
      await client.has(END_OF_STREAM)
    },
  },
  {
    name: 'WebSocket over HTTP/2',
    outcomes: all(HTTP2, '1012'),
    async enter(kind, to) {
      const client = await connect2(kind, to)
      client.socket.write(headers(STREAM, END_HEADERS, { ':method': 'CONNECT', ':protocol': 'websocket' }))
      client.socket.write(frame(DATA, 0, STREAM, Buffer.from('before')))
      await client.has('before')
      return client
    },
  },
  {
    name: 'bytes of the application',
    outcomes: all(['net', 'tls'], 'deadline'),
    async enter(kind, to) {
      const client = watch(await (kind === 'tls' ? connectTls(to) : connectTcp(to)))
      client.socket.write('before')
      await client.has('before')
      return client
    },
    finish: echo,
  },
]

/** All cells with an outcome. */
export const CELLS = STATES.flatMap((state) =>
  SERVERS.flatMap((kind) => {
    const outcome = state.outcomes[kind]
    return outcome === undefined ? [] : [{ kind, state, outcome }]
  }),
)

function all<K extends ServerKind>(kinds: readonly K[], outcome: Outcome): Record<K, Outcome> {
  return Object.fromEntries(kinds.map((kind) => [kind, outcome])) as Record<K, Outcome>
}

const pem = (name: string) => readFileSync(new URL(`../../../test/fixtures/localhost-${name}.pem`, import.meta.url))

/**
 * A server that echoes whatever its protocol carries, and leaves open what its clients leave open.
 *
 * @param answer - answers the requests instead
 */
export function serve(kind: ServerKind, answer: http.RequestListener = echoBody): net.Server {
  const secure = { key: pem('key'), cert: pem('cert') }
  const settings = { enableConnectProtocol: true }
  switch (kind) {
    case 'http':
      return http.createServer(answer).on('upgrade', onUpgrade)
    case 'https':
      return https.createServer(secure, answer).on('upgrade', onUpgrade)
    case 'http2':
    case 'http2 with allowHTTP1': {
      const allowHTTP1 = kind !== 'http2'
      const server = http2.createSecureServer({ ...secure, settings, allowHTTP1 }, answer as never)
      return server
        .on('connect', () => {})
        .on('stream', onStream)
        .on('upgrade', onUpgrade)
    }
    case 'h2c':
      return http2
        .createServer({ settings }, answer as never)
        .on('connect', () => {})
        .on('stream', onStream)
    case 'net':
      return net.createServer({ allowHalfOpen: true }, echoAll)
    case 'tls':
      return tls.createServer({ ...secure, allowHalfOpen: true } as object, echoAll)
  }
}

function echoBody(request: IncomingMessage, response: ServerResponse): void {
  request.pipe(response)
}

function onUpgrade({ headers: { upgrade: protocol } }: IncomingMessage, socket: Duplex): void {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`)
  echoAll(socket)
}

/** The WebSockets over HTTP/2. Node answers them as requests where the server has no listener for 'connect'. */
function onStream(stream: ServerHttp2Stream, { ':method': method }: http2.IncomingHttpHeaders): void {
  if (method !== 'CONNECT') return
  stream.respond({ ':status': 200 })
  echoAll(stream)
}

function echoAll(stream: Duplex): void {
  stream.on('error', () => {}).pipe(stream)
}

function watch(socket: net.Socket): Client {
  let received = ''
  const closed = new Promise<void>((done) => socket.once('end', done).once('close', () => done()))
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  return {
    socket,
    received: () => received,
    async has(text) {
      while (!received.includes(text)) {
        if (socket.readableEnded || socket.destroyed) throw new Error(`closed before ${JSON.stringify(text)} came`)
        await Promise.race([once(socket, 'data'), closed])
      }
    },
    closed,
  }
}

async function connectTcp(to: To): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', allowHalfOpen: true, ...to })
  await once(socket, 'connect')
  return socket
}

async function connectTls(to: To, protocol?: string): Promise<tls.TLSSocket> {
  const options = { socket: await connectTcp(to), rejectUnauthorized: false, allowHalfOpen: true }
  const socket = tls.connect({ ...options, ...(protocol === undefined ? {} : { ALPNProtocols: [protocol] }) } as object)
  await once(socket, 'secureConnect')
  return socket
}

async function connect1(kind: ServerKind, to: To): Promise<Client> {
  return watch(await (kind === 'http' ? connectTcp(to) : connectTls(to)))
}

/** A session; its SETTINGS have been exchanged. */
async function connect2(kind: ServerKind, to: To): Promise<Client> {
  const client = watch(await (kind === 'h2c' ? connectTcp(to) : connectTls(to, 'h2')))
  client.socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  client.socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)))
  await client.has(frame(SETTINGS, ACK, 0, Buffer.alloc(0)).toString('latin1'))
  return client
}

/** Asks for an answer, and reads none of it. HTTP/2's own limits do not hold up the answer. */
export async function askAndPause(kind: ServerKind, to: To): Promise<Client> {
  const isHttp2 = kind === 'http2' || kind === 'h2c'
  const client = await (isHttp2 ? connect2 : connect1)(kind, to)
  client.socket.pause()
  if (isHttp2) {
    const window = Buffer.from('00047fffffff', 'hex') // SETTINGS_INITIAL_WINDOW_SIZE
    client.socket.write(frame(SETTINGS, 0, 0, window))
    client.socket.write(frame(WINDOW_UPDATE, 0, 0, Buffer.from('7fff0000', 'hex')))
    client.socket.write(headers(STREAM, END_HEADERS | END_STREAM))
  } else client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  return client
}

/** @returns connects, sends the bytes, and waits for what they bring about */
function sending(bytes: string, expected: string): State['enter'] {
  return async (kind, to) => {
    const client = await connect1(kind, to)
    client.socket.write(bytes)
    await client.has(expected)
    return client
  }
}

function upgrading(protocol: string): State['enter'] {
  return sending(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`, '\r\n\r\n')
}

async function echo(client: Client): Promise<void> {
  client.socket.write('echoed')
  await client.has('echoed')
  client.socket.end()
}

const [DATA, HEADERS, SETTINGS, GOAWAY, WINDOW_UPDATE] = [0, 1, 4, 7, 8] as const
const [END_STREAM, ACK, END_HEADERS] = [1, 1, 4] as const
const STREAM = 1

/** A frame of HTTP/2 (RFC 9113, 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** The last frame of an answer, as text. */
const END_OF_STREAM = frame(DATA, END_STREAM, STREAM, Buffer.alloc(0)).toString('latin1')

/** A GOAWAY frame's last stream and error code: what the server has sent so far, in order. */
export function goaways(received: string): { lastStream: number; error: number }[] {
  const bytes = Buffer.from(received, 'latin1')
  const found: { lastStream: number; error: number }[] = []
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] !== GOAWAY) continue
    found.push({ lastStream: bytes.readUInt32BE(at + 9), error: bytes.readUInt32BE(at + 13) })
  }
  return found
}

/** A HEADERS frame in which each header is a literal without Huffman coding (RFC 7541, 6.2.2). */
function headers(stream: number, flags: number, more: Record<string, string> = {}): Buffer {
  const all = { ':method': 'POST', ':scheme': 'http', ':path': '/', ':authority': 'x', ...more }
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])
  const block = Object.entries(all).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)])
  return frame(HEADERS, flags, stream, Buffer.concat(block))
}
