// The cookie in the 101 of an upgrade, in whichever way and by whichever library the 101 is written.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { ServerResponse, type IncomingMessage } from 'node:http'
import https from 'node:https'
import net, { type AddressInfo, type Socket } from 'node:net'
import { PassThrough, Writable } from 'node:stream'
import tls from 'node:tls'
import { Server as IoServer } from 'socket.io'
import { io } from 'socket.io-client'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { affinityCookie } from '../../src/sessions/affinity-cookie.ts'

const COOKIE = 'at=w0; Path=/; HttpOnly; SameSite=Lax'
const LINE = `Set-Cookie: ${COOKIE}\r\n`
const STATUS = 'HTTP/1.1 101 Switching Protocols\r\n'
const FIELDS = 'Upgrade: echo\r\nConnection: Upgrade\r\n\r\n'
/** Looks like a head, and is none. */
const FRAMES = `\x82\x30${STATUS}${FIELDS}`

type Upgrade = (socket: Socket, request: IncomingMessage, head: Buffer) => unknown

const latin1 = (text: string) => Buffer.from(text, 'latin1')

/** Ways to write the 101 and frames behind it. The client gets the same bytes with the cookie's line. */
const WAYS: Record<string, Upgrade> = {
  'one text': (socket) => socket.write(STATUS + FIELDS + FRAMES, 'latin1'),
  'one buffer': (socket) => socket.write(latin1(STATUS + FIELDS + FRAMES)),
  'a text in base64': (socket) => socket.write(latin1(STATUS + FIELDS + FRAMES).toString('base64'), 'base64'),
  'the head, then frames': (socket) => {
    socket.write(STATUS + FIELDS)
    socket.write(latin1(FRAMES))
  },
  'each byte by itself': (socket) => {
    for (const byte of latin1(STATUS + FIELDS + FRAMES)) socket.write(Buffer.of(byte))
  },
  'line by line': (socket) => {
    for (const line of (STATUS + FIELDS).split(/(?<=\r\n)/)) socket.write(line)
    socket.write(FRAMES, 'latin1')
  },
  'line by line, corked': (socket) => {
    socket.cork()
    for (const line of (STATUS + FIELDS).split(/(?<=\r\n)/)) socket.write(line)
    socket.write(FRAMES, 'latin1')
    socket.uncork()
  },
  'buffers, corked': (socket) => {
    socket.cork()
    for (const piece of ['HTTP/1', STATUS.slice(6, -1), '\n', FIELDS, FRAMES]) socket.write(latin1(piece))
    socket.uncork()
  },
  'buffers and texts, corked': (socket) => {
    socket.cork()
    socket.write('')
    socket.write(latin1(STATUS.slice(0, 5)))
    socket.write(STATUS.slice(5) + FIELDS)
    socket.write(latin1(FRAMES))
    process.nextTick(() => socket.uncork())
  },
  'end()': (socket) => socket.end(STATUS + FIELDS + FRAMES, 'latin1'),
  'pipe()': (socket) => new PassThrough().end(STATUS + FIELDS + FRAMES, 'latin1').pipe(socket),
  'a web stream': async (socket) => {
    const writer = Writable.toWeb(socket).getWriter() as WritableStreamDefaultWriter<Buffer>
    await writer.write(latin1(STATUS + FIELDS))
    await writer.write(latin1(FRAMES))
  },
  'one write after the other': (socket) => {
    socket.write(STATUS, () => socket.write(FIELDS, () => socket.write(FRAMES, 'latin1')))
  },
  'a write() of the application': (socket) => {
    const write = socket.write.bind(socket)
    socket.write = ((...args: Parameters<typeof write>) => write(...args)) as typeof write
    socket.write(STATUS + FIELDS + FRAMES, 'latin1')
  },
}

for (const [protocol, createServer, connect] of [
  ['TCP', () => http.createServer(), (port: number) => net.connect({ port, host: '127.0.0.1' })],
  [
    'TLS',
    () => https.createServer({ key: pem('key'), cert: pem('cert') }),
    (port: number) => tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }),
  ],
] as const) {
  const line = protocol === 'TLS' ? LINE.replace('\r\n', '; Secure\r\n') : LINE
  for (const [way, upgrade] of Object.entries(WAYS)) {
    t.test(`a 101 gets the cookie and nothing else changes, over ${protocol}: ${way}`, async (t) => {
      const { received, socket } = await exchange(t, createServer(), connect, upgrade, STATUS + line + FIELDS + FRAMES)
      t.equal(received, STATUS + line + FIELDS + FRAMES)
      for (const method of ['_write', '_writev']) {
        t.equal(Reflect.get(socket, method), Reflect.get(Object.getPrototypeOf(socket) as object, method), method)
      }
    })
  }

  t.test(`an answer that is no 101 stays as it is, over ${protocol}`, async (t) => {
    for (const answer of [
      'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
      `HTTP/1.1 200 OK\r\n\r\n${STATUS}${FIELDS}`,
      `\x00\x01${STATUS}${FIELDS}`,
      'HTTP/1.1 10',
      '',
    ]) {
      const { received } = await exchange(t, createServer(), connect, (socket) => socket.end(answer, 'latin1'), answer)
      t.equal(received, answer)
    }
  })

  t.test(`interim answers get no cookie, over ${protocol}`, async (t) => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
    const expected = interim + STATUS + line + FIELDS
    const { received } = await exchange(
      t,
      createServer(),
      connect,
      (socket) => {
        socket.write(interim)
        socket.write(STATUS + FIELDS)
      },
      expected,
    )
    t.equal(received, expected)
  })
}

t.test('a cookie of the same name by the application counts in a 101 too', async (t) => {
  const own = `${STATUS}Upgrade: echo\r\nset-cookie: a=1\r\nset-cookie:at=own\r\nConnection: Upgrade\r\n\r\n`
  const warnings: string[] = []
  const { received } = await exchange(t, http.createServer(), tcp, (socket) => socket.end(own), own, warnings)
  t.equal(received, own)
  t.strictSame(warnings, ['session.cookie-taken'])
  const frames = `${STATUS}${FIELDS}Set-Cookie: at=frame\r\n`
  const expected = frames.replace('\r\n', `\r\n${LINE}`)
  t.equal((await exchange(t, http.createServer(), tcp, (socket) => socket.end(frames), expected)).received, expected)
})

t.test('callbacks of writes and the count of written bytes stay right', async (t) => {
  const calls: number[] = []
  const upgrade: Upgrade = (socket) => {
    socket.cork()
    for (const [n, piece] of ['HTTP/1.1 101', ' x\r\n', FIELDS, FRAMES].entries()) {
      socket.write(piece, 'latin1', (error) => calls.push(error ? -1 : n))
    }
    socket.uncork()
  }
  const expected = `HTTP/1.1 101 x\r\n${LINE}${FIELDS}${FRAMES}`
  const { received, socket } = await exchange(t, http.createServer(), tcp, upgrade, expected)
  t.equal(received, expected)
  t.strictSame(calls, [0, 1, 2, 3])
  t.equal(socket.bytesWritten, expected.length)
  t.equal(socket.writableLength, 0)
})

t.test('a write that replaced the one of this place before it is still called', async (t) => {
  const seen: string[] = []
  const before = (socket: Socket): void => {
    const write = Reflect.get(socket, '_write') as (...args: unknown[]) => void
    Reflect.set(socket, '_write', (...args: unknown[]) => {
      seen.push(String(args[0]))
      write.apply(socket, args)
    })
  }
  const expected = STATUS + LINE + FIELDS + FRAMES
  const upgrade: Upgrade = (socket) => socket.write(STATUS + FIELDS, () => socket.write(FRAMES, 'latin1'))
  const { received } = await exchange(t, http.createServer(), tcp, upgrade, expected, [], before)
  t.equal(received, expected)
  t.equal(seen.join(''), expected)
  const after: Upgrade = (socket) => {
    before(socket)
    return upgrade(socket, undefined as never, Buffer.alloc(0))
  }
  seen.length = 0
  t.equal((await exchange(t, http.createServer(), tcp, after, expected)).received, expected)
  t.equal(seen.join(''), STATUS + FIELDS + FRAMES)
})

t.test('a response that the application gives the socket has the cookie with status 101', async (t) => {
  // As @fastify/websocket and express-ws do it.
  const upgrade: Upgrade = (socket, request) => {
    const response = new ServerResponse(request)
    response.assignSocket(socket)
    response.writeHead(101, { upgrade: 'echo', connection: 'Upgrade' })
    response.flushHeaders()
    socket.end('frames')
  }
  const { received } = await exchange(t, http.createServer(), tcp, upgrade, 'frames')
  t.match(received, new RegExp(`^HTTP/1.1 101 [^\r]+\r\n${LINE}(.+\r\n)+\r\nframes$`, 'i'))
})

t.test('a WebSocket of ws opens with the cookie, and its frames are as they were', async (t) => {
  const { server, port } = await listen(t, http.createServer())
  const sockets = new WebSocketServer({ server })
  sockets.on('headers', (headers) => headers.push('Set-Cookie: a=1'))
  sockets.on('connection', (socket) => {
    socket.send(FRAMES)
    socket.on('message', (data) => socket.send(data))
  })
  const client = new WebSocket(`ws://127.0.0.1:${port}`)
  const messages: string[] = []
  client.on('message', (data: Buffer) => messages.push(data.toString()))
  const opened = once(client, 'open')
  const [response] = (await once(client, 'upgrade')) as [IncomingMessage]
  t.strictSame(response.headers['set-cookie']?.sort(), ['a=1', COOKIE])
  await opened
  const large = 'x'.repeat(200_000)
  client.send(large)
  while (messages.length < 2) await once(client, 'message')
  t.strictSame(messages, [FRAMES, large])
  client.terminate()
})

t.test('a WebSocket of Socket.IO opens with the cookie beside those of the application', async (t) => {
  const { server, port } = await listen(t, http.createServer())
  const ioServer = new IoServer(server, { cookie: { name: 'io' } })
  t.teardown(() => ioServer.close())
  ioServer.engine.on('headers', (headers: Record<string, string>) => (headers['x-own'] = '1'))
  ioServer.on('connection', (socket) =>
    socket.on('ask', (text: string, answer: (text: string) => void) => answer(text)),
  )
  const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, reconnection: false })
  t.teardown(() => client.close())
  const heads: IncomingMessage[] = []
  const websocket = (client.io.engine.transport as unknown as { ws: WebSocket }).ws
  websocket.on('upgrade', (response) => heads.push(response))
  await once(client as never, 'connect')
  t.match(heads[0]?.headers, { 'set-cookie': [COOKIE] })
  t.equal(await client.emitWithAck('ask', 'hello'), 'hello')
})

function pem(name: string): Buffer {
  return readFileSync(new URL(`../../../test/fixtures/localhost-${name}.pem`, import.meta.url))
}

function tcp(port: number): Socket {
  return net.connect({ port, host: '127.0.0.1' })
}

/** Listens, and adds the cookie to all upgrades before the application gets them. */
async function listen(
  t: Test,
  server: http.Server | https.Server,
  warnings: string[] = [],
  before: (socket: Socket) => void = () => {},
): Promise<{ server: http.Server | https.Server; port: number }> {
  const logger = { warn: (event: string) => void warnings.push(event) }
  const cookie = affinityCookie([{ cookie: 'at' }], { createValue: () => 'w0', areProxiesTrusted: false, logger })
  server.prependListener('upgrade', (request: IncomingMessage, socket: Socket) => {
    before(socket)
    cookie.addToHandshake(request, socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => void server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

/** One upgrade. Resolves when the client has as many bytes as `expected`, or the server has ended the connection. */
async function exchange(
  t: Test,
  server: http.Server | https.Server,
  connect: (port: number) => Socket,
  upgrade: Upgrade,
  expected: string,
  warnings: string[] = [],
  before?: (socket: Socket) => void,
): Promise<{ received: string; socket: Socket }> {
  let serverSocket: Socket | undefined
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    serverSocket = socket
    upgrade(socket, request, head)
  })
  const { port } = await listen(t, server, warnings, before)
  const client = connect(port)
  client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  let received = ''
  let isEnded = false
  client.on('end', () => (isEnded = true))
  for await (const chunk of client.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    received += chunk.toString('latin1')
    if (received.endsWith(expected) && expected !== '') break
  }
  t.teardown(() => void client.destroy())
  t.teardown(() => void serverSocket?.destroy())
  if (isEnded) client.destroy()
  return { received, socket: serverSocket as Socket }
}
