// Which answers mark a client with the affinity cookie, and where its requests go until then.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { json } from 'node:stream/consumers'
import { io } from 'socket.io-client'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { dial, loopback, request, until, type Reply } from '../../support/clients.ts'
import { headerV1, headerV2 } from '../../support/proxy-headers.ts'

const ECHO = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'
const anyWorker = { workers: 2, session: { cookie: 'seat' }, balance: 'round-robin' } as const

t.test('a client that begins with a WebSocket or another protocol keeps its worker', async (t) => {
  const { port } = await startBalancer(t, { kind: 'ws', options: anyWorker })
  for (let n = 1; n <= 10; n++) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`)
    const opened = once(socket, 'open')
    const [{ headers }] = (await once(socket, 'upgrade')) as [IncomingMessage]
    await opened
    socket.send('who?')
    const [answer] = (await once(socket, 'message')) as [Buffer]
    socket.close()
    await staysAt(t, port, headers['set-cookie'], (JSON.parse(answer.toString()) as Reply).pid)
  }
  const first = await echo(await dialed(t, port))
  const cookie = cookieIn(first.head)
  const replies = [1, 2].map(() => request({ port, headers: { cookie } }))
  t.equal(new Set((await Promise.all(replies)).map(({ pid }) => pid)).size, 1)
  const again = await echo(await dialed(t, port), ECHO.replace('Host: a', `Host: a\r\nCookie: ${cookie}`))
  t.notMatch(again.head, /set-cookie/i, 'set once')
})

t.test('a client that begins with a WebSocket keeps its worker: Socket.IO', async (t) => {
  const env = { REDIS_URL: '', FIXTURE_ATTACH: JSON.stringify({ adapter: 'ipc' }) }
  const { port } = await startBalancer(t, { fixture: 'socket-io-app', options: anyWorker, env })
  for (let n = 1; n <= 10; n++) {
    const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, reconnection: false })
    const { ws } = client.io.engine.transport as unknown as { ws: WebSocket }
    const hello = once(client as never, 'hello') as Promise<[pid: number]>
    const [{ headers }] = (await once(ws, 'upgrade')) as [IncomingMessage]
    const [pid] = await hello
    client.close()
    await staysAt(t, port, headers['set-cookie'], pid)
  }
})

for (const [name, surplus] of [
  ['transferred', ''],
  // More than can travel with the connection.
  ['forwarded', 'x'.repeat(1_000_000)],
] as const) {
  t.test(
    `an upgrade without a session that was ${name} to the worker of its address gets that worker's cookie`,
    async (t) => {
      const balancer = await startBalancer(t, { kind: 'ws', options: { workers: 2, session: { cookie: 'seat' } } })
      const { port } = balancer
      const [here, there] = [await addressOf(balancer, 0), await addressOf(balancer, 1)]
      const { pid, cookie } = await visit(port, there)
      t.equal(pid, await balancer.pid(1))
      const socket = await dial(port, here)
      t.teardown(() => void socket.destroy())
      socket.on('error', () => {})
      // The second request takes the connection along to worker 1.
      for (let n = 1; n <= 3; n++) {
        const answered = once(socket, 'data')
        socket.write(`GET / HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`)
        t.match(String((await answered)[0]), new RegExp(`"pid":${pid},`))
      }
      t.equal((await balancer.status()).connections.moved, 1)
      const { head, echoed } = await echo(socket, ECHO + surplus, surplus.length)
      t.equal(echoed, surplus)
      const reply = await request({ port, from: there, headers: { cookie: cookieIn(head) } })
      t.equal(reply.pid, await balancer.pid(0))
    },
  )
}

t.test('a request goes by address, and its client gets the cookie with the first private answer', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 3, session: { cookie: 'seat' } } })
  const { port } = balancer
  for (let worker = 0; worker < 3; worker++) {
    const from = await addressOf(balancer, worker)
    for (const path of [
      '/cached?control=public,max-age%3D60',
      '/cached?control=max-age%3D60,immutable',
      '/cached?control=s-maxage%3D60',
    ]) {
      for (let n = 1; n <= 2; n++) t.match(await visit(port, from, { path }), { worker, cookie: undefined }, path)
    }
    const notModified = await send(port, from, { path: '/cached?status=304&control=private' })
    t.equal(notModified.headers['set-cookie'], undefined)
    notModified.resume()
    const { worker: at, cookie } = await visit(port, from, { path: '/cached?control=private' })
    t.equal(at, worker)
    const headers = { cookie: String(cookie) }
    for (let n = 1; n <= 12; n++) {
      const path = n % 2 === 0 ? '/' : '/cached?control=public'
      t.match(await visit(port, loopback(n), { path, headers }), { worker, cookie: undefined })
    }
  }
})

t.test(
  "on a connection that moved, a public answer does not mark a client either, and set: 'always' does",
  async (t) => {
    for (const [set, isMarked] of [
      [true, false],
      ['always', true],
    ] as const) {
      const balancer = await startBalancer(t, { options: { workers: 2, session: { cookie: 'seat', set } } })
      const { port } = balancer
      const [here, there] = [await addressOf(balancer, 0), await addressOf(balancer, 1)]
      const { cookie } = await visit(port, there)
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
      t.teardown(() => agent.destroy())
      for (let n = 1; n <= 3; n++) await visit(port, here, { agent, headers: { cookie: String(cookie) } })
      t.equal((await balancer.status()).connections.moved, 1)
      const reply = await visit(port, here, { agent, path: '/cached?control=public' })
      t.match(reply, { worker: 0, cookie: isMarked ? /^seat=/ : undefined })
      t.match(await visit(port, here, { agent }), { worker: 0, cookie: /^seat=/ })
    }
  },
)

t.test('behind a trusted proxy the cookie is Secure where the client has connected over https', async (t) => {
  const session = { cookie: 'seat', sameSite: 'strict', path: '/app', maxAge: 60_000 } as const
  const options = { workers: 2, session, proxyProtocol: { trust: ['127.0.0.0/8'] } }
  const { port } = await startBalancer(t, { kind: 'ws', options })
  const client = { address: '203.0.113.7', port: 1_024 }
  const attributes = 'Path=/app; Max-Age=60; HttpOnly; SameSite=Strict'
  for (const [header, fields, expected] of [
    [headerV1(client), '', attributes],
    [headerV1(client), 'X-Forwarded-Proto: http\r\n', attributes],
    [headerV1(client), 'X-Forwarded-Proto: https\r\n', `${attributes}; Secure`],
    [headerV2(client, { more: [[0x20, Buffer.from([1, 0, 0, 0, 0])]] }), '', `${attributes}; Secure`],
  ] as const) {
    for (const request of ['GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', ECHO]) {
      const socket = await dialed(t, port)
      socket.write(header)
      const { head } = await echo(socket, request.replace('\r\n', `\r\n${fields}`))
      t.equal(/^set-cookie: seat=[\w-]{6}; (.+)\r$/im.exec(head)?.[1], expected, `${fields} ${request.slice(-20)}`)
    }
  }
})

interface Visit extends Reply {
  cookie?: string
}

async function send(port: number, from: string, options: http.RequestOptions): Promise<IncomingMessage> {
  const sending = http.get({ port, host: '127.0.0.1', localAddress: from, agent: false, ...options })
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  return response
}

/** @returns the reply, with the cookie that the answer sets */
async function visit(port: number, from: string, options: http.RequestOptions = {}): Promise<Visit> {
  const response = await send(port, from, options)
  const cookie = response.headers['set-cookie']?.[0]?.split(';')[0]
  return { ...((await json(response)) as Reply), ...(cookie === undefined ? {} : { cookie }) }
}

async function staysAt(t: Test, port: number, cookies: string[] | undefined, pid: number): Promise<void> {
  t.match(cookies, [/^seat=[\w-]{6}; Path=\/; HttpOnly; SameSite=Lax$/])
  const cookie = cookies?.[0]?.split(';')[0] ?? ''
  const replies = [1, 2].map(() => request({ port, headers: { cookie } }))
  for (const reply of await Promise.all(replies)) t.equal(reply.pid, pid)
}

/** A connection that ends with the test. */
async function dialed(t: Test, port: number, from?: string): Promise<Socket> {
  const socket = await dial(port, from)
  t.teardown(() => void socket.destroy())
  return socket
}

/** Sends an upgrade to the fixture's protocol. @returns the head of the answer, and the bytes that were sent behind the request */
async function echo(socket: Socket, upgrade = ECHO, surplus = 0): Promise<{ head: string; echoed: string }> {
  let text = ''
  const read = (chunk: Buffer) => (text += chunk.toString('latin1'))
  socket.on('data', read)
  socket.write(upgrade)
  const isComplete = () => text.includes('\r\n\r\n') && text.length >= text.indexOf('\r\n\r\n') + 4 + surplus
  await until('the answer is complete', isComplete)
  socket.off('data', read)
  const end = text.indexOf('\r\n\r\n') + 4
  return { head: text.slice(0, end), echoed: text.slice(end) }
}

function cookieIn(head: string): string {
  return /^set-cookie: (seat=[\w-]{6});/im.exec(head)?.[1] ?? 'none'
}

/** A client address that leads to the worker. */
async function addressOf(balancer: Balancer, worker: number): Promise<string> {
  let n = 1
  while ((await balancer.explain(loopback(n))).worker !== worker) n++
  return loopback(n)
}
