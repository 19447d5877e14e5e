import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import t from 'tap'
import { WebSocket } from 'ws'
import { startBalancer } from '../support/balancer.ts'
import { loopback, until } from '../support/clients.ts'

const MB = Buffer.alloc(1024 * 1024, 'holdfast')

for (const [kind, change] of [
  ['ws', 'a reload'],
  ['wss', 'scaling down'],
] as const) {
  t.test(`${change} lets a worker answer the requests that it serves, over ${kind}`, async (t) => {
    const reload = { grace: 200, spread: 0, deadline: 3_000 }
    const balancer = await startBalancer(t, {
      kind,
      options: { workers: change === 'a reload' ? 1 : 2, reload },
      env: { FIXTURE_REPORT_DRAIN: '1' },
    })
    const { port } = balancer
    const pid = await balancer.pid(change === 'a reload' ? 0 : 1)
    const from = await clientOf(pid)

    const upload = await begin({ path: '/hash', method: 'POST' })
    const echo = await begin({ path: '/echo', method: 'POST' })
    upload.write(MB)
    echo.write('before ')
    const echoed = await answerTo(echo)
    const echoedText = text(echoed)
    const events = await answerTo((await begin({ path: '/events' })).end())
    let ticks = 0
    events.on('data', () => ticks++)
    const cut = new Promise((done) => events.on('error', done).on('close', done))
    const late = await halfRequest()
    const idle = await idleConnection()
    const upgraded = await upgrade()
    const received = collect(upgraded)
    const socket = new WebSocket(`${kind}://127.0.0.1:${port}/goodbye`, {
      localAddress: from,
      rejectUnauthorized: false,
    })
    await once(socket, 'open')
    const said: string[] = []
    socket.on('message', (message: Buffer) => said.push(message.toString()))
    const closed = once(socket, 'close')

    const since = performance.now()
    const done = change === 'a reload' ? balancer.reload() : balancer.scale(1)
    await until('the worker drains', () => balancer.output().includes(`drain ${pid}`))

    late.end('\r\n')
    const answered = await text(late)
    t.match(answered, `"pid":${pid}`, 'a request that was not complete is answered')
    await once(idle, 'close')
    t.pass('a keep-alive connection without a request is closed')
    t.strictSame(
      [(await closed)[0], said],
      [1012, ['goodbye']],
      'a WebSocket is closed after the application has sent its last message',
    )
    t.ok(performance.now() - since >= reload.grace)

    for (let n = 0; n < 3; n++) upload.write(MB)
    const uploaded = await answerTo(upload.end())
    t.match(JSON.parse(await text(uploaded)), { pid, bytes: 4 * MB.length }, 'an upload goes on')
    echo.end('after')
    t.equal(await echoedText, 'before after', 'an answer goes on too')
    t.equal(uploaded.headers.connection, 'close', 'both answers say that their connection closes')
    t.match(answered, /\r\nconnection: close\r\n/i)
    upgraded.write('still here')
    await until('the echo', () => received() === 'still here')
    const seen = ticks
    await until('the stream goes on', () => ticks > seen)
    await cut
    t.ok(performance.now() - since >= reload.deadline, 'until the deadline')
    t.equal(received(), 'still here', 'another protocol than WebSocket gets no close frame')
    await done
    t.notOk((await balancer.status()).workers.some((worker) => worker.pid === pid))

    async function clientOf(wanted: number): Promise<string> {
      for (let n = 1; ; n++) {
        const { worker } = await balancer.explain(loopback(n))
        if ((await balancer.pid(worker)) === wanted) return loopback(n)
      }
    }

    function send(options: http.RequestOptions): http.ClientRequest {
      const { request } = kind === 'ws' ? http : https
      return request({ port, host: '127.0.0.1', localAddress: from, rejectUnauthorized: false, ...options } as object)
    }

    /** A request with headers that have arrived and a body that has not. */
    async function begin(options: http.RequestOptions): Promise<http.ClientRequest> {
      const agent = new (kind === 'ws' ? http : https).Agent({ keepAlive: true })
      const request = send({ ...options, agent, headers: { 'transfer-encoding': 'chunked', expect: '100-continue' } })
      request.flushHeaders()
      await once(request, 'continue')
      return request
    }

    function connect(): Promise<net.Socket> {
      const options = { port, host: '127.0.0.1', localAddress: from, rejectUnauthorized: false }
      const socket = kind === 'ws' ? net.connect(options) : tls.connect(options as tls.ConnectionOptions)
      return once(socket, kind === 'ws' ? 'connect' : 'secureConnect').then(() => socket)
    }

    /** A connection with a request that lacks the last line of its head. */
    async function halfRequest(): Promise<net.Socket> {
      const socket = await connect()
      socket.write('GET / HTTP/1.1\r\nHost: fixture\r\n')
      return socket
    }

    /** A connection without a request, after one was answered. */
    async function idleConnection(): Promise<net.Socket> {
      const socket = await connect()
      socket.write('GET / HTTP/1.1\r\nHost: fixture\r\n\r\n')
      await once(socket, 'data')
      return socket.resume()
    }

    async function upgrade(): Promise<Duplex> {
      const request = send({ headers: { connection: 'Upgrade', upgrade: 'echo' } }).end()
      const [, stream] = (await once(request, 'upgrade')) as [IncomingMessage, Duplex]
      return stream.on('error', () => {})
    }
  })
}

async function answerTo(request: http.ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

function collect(stream: Duplex): () => string {
  let all = ''
  stream.on('data', (chunk: Buffer) => (all += chunk.toString()))
  return () => all
}
