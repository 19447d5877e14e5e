// `workers: 0` with proxyProtocol: one process does what a balancer and its worker do.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { json, text } from 'node:stream/consumers'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { startBalancer, type Balancer, type BalancerOptions } from '../support/balancer.ts'
import { dial, until, untilRefused, type Reply } from '../support/clients.ts'
import { headerV1, headerV2 } from '../support/proxy-headers.ts'

const client = { address: '203.0.113.7', port: 50_123 }
const headers = [headerV1(client), headerV2(client, { uniqueId: 'standalone', checksum: true })]
const local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')

const body = randomBytes(300_000)
const sha256 = createHash('sha256').update(body).digest('hex')
const head = `POST /hash HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`
const post = Buffer.concat([Buffer.from(head), body])
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`

t.test('the socket has the address in the header, and proxyOf() returns the rest', async (t) => {
  const balancer = await start(t)
  for (const header of [headerV1, headerV2]) {
    for (const address of ['203.0.113.7', '2001:db8::1:2']) {
      const reply = await ask(balancer, header({ address, port: 4711 }), '/proxy')
      t.match(reply, { worker: 0, pid: balancer.child.pid, address, port: 4711 })
      t.equal(reply['family'], address.includes(':') ? 'IPv6' : 'IPv4')
      t.match(reply['proxy'], { proxy: { address: '127.0.0.1' }, destination: { port: 443 } })
    }
  }
  for (const header of [Buffer.from('PROXY UNKNOWN\r\n'), local]) {
    const reply = await ask(balancer, header, '/proxy')
    t.match(reply, { address: /127\.0\.0\.1$/ })
    t.equal(reply['proxy'], undefined)
  }
  t.match(await ask(balancer, headers[0]!, '/server'), { listening: true, bound: balancer.address })
})

t.test('http: no byte behind the header is lost or added, wherever the header is split', async (t) => {
  const balancer = await start(t)
  for (const header of [...headers, local]) {
    await everySplit(header, async (socket, rest) => {
      socket.write(Buffer.concat([rest, post]))
      t.match(parsed(await text(socket)), { bytes: body.length, sha256 })
    })(balancer)
  }
})

t.test('https: no byte behind the header is lost or added, wherever the header is split', async (t) => {
  const balancer = await start(t, {}, { kind: 'https' })
  for (const header of headers) {
    await everySplit(header, async (socket, rest) => {
      socket.write(rest)
      const secure = tls.connect({ socket, rejectUnauthorized: false })
      secure.write(post)
      t.match(parsed(await text(secure)), { bytes: body.length, sha256, ...client })
    })(balancer)
  }
})

t.test('http2: no byte behind the header is lost or added, wherever the header is split', async (t) => {
  const balancer = await start(t, {}, { kind: 'http2' })
  for (const header of headers) {
    await everySplit(header, async (socket, rest) => {
      socket.write(rest)
      const secure = tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      const session = http2.connect('https://localhost', { createConnection: () => secure })
      const stream = session.request({ ':path': '/hash', ':method': 'POST' })
      stream.end(body)
      t.match(await json(stream), { bytes: body.length, sha256, ...client })
      session.close()
    })(balancer)
  }
})

t.test('net: a server may speak first, and a client may have ended its side already', async (t) => {
  const balancer = await start(t, {}, { kind: 'net' })
  for (const header of headers) {
    const waits = await dial(balancer.port)
    waits.write(header)
    t.match(JSON.parse(String((await once(waits, 'data'))[0])), client)
    waits.destroy()
    for (const more of [Buffer.alloc(0), body]) {
      const ended = await dial(balancer.port)
      ended.end(Buffer.concat([header, more]))
      const got = Buffer.concat(await ended.toArray())
      t.ok(got.subarray(got.indexOf('\n') + 1).equals(more))
    }
  }
})

t.test('a connection with an untrusted, wrong or late header is closed, and the log says why', async (t) => {
  const balancer = await start(t, { trust: ['127.0.0.0/24'], timeout: 300 })
  const before = await balancer.resources()
  const wrong = headerV2(client, { checksum: true })
  wrong[20] = 99
  const cases: [reason: string, bytes: Buffer | string, from?: string][] = [
    ['proxy-untrusted', headers[0]!, '127.5.0.1'],
    ['proxy-missing', get('/')],
    ['proxy-malformed', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n'],
    ['proxy-too-long', `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`],
    ['proxy-checksum', wrong],
    ['proxy-timeout', headers[0]!.subarray(0, 20)],
  ]
  for (const [reason, bytes, from] of cases) {
    const socket = await dial(balancer.port, from)
    socket.write(bytes)
    await refused(socket)
    t.match(balancer.output(), new RegExp(`proxy.refused.*${reason}`))
  }
  const socket = await dial(balancer.port)
  socket.end('PROXY ')
  await refused(socket)
  t.match(balancer.output(), /proxy.refused.*proxy-aborted/)
  const reset = await dial(balancer.port)
  reset.write('PROXY ')
  reset.resetAndDestroy()
  await until('no descriptor is left open', async () => {
    const { descriptors } = await balancer.resources()
    return descriptors <= before.descriptors
  })
  t.match(await ask(balancer, headers[0]!, '/connections'), { count: 1 })
})

t.test('connections without a header never exceed maxWaiting, and the oldest is closed for a new one', async (t) => {
  const balancer = await start(t, { timeout: 60_000, maxWaiting: 20 })
  let closed = 0
  for (let n = 0; n < 50; n++) {
    const socket = await dial(balancer.port)
    void refused(socket).then(() => closed++)
    socket.write('PROXY')
  }
  await until('30 are closed', () => closed === 30)
  t.match(await ask(balancer, headers[1]!, '/'), client)
  await until('one more is closed', () => closed === 31)
  await balancer.close({ deadline: 400 })
  await until('the others are closed', () => closed === 50)
  t.strictSame(await balancer.exited, { code: 0, signal: null }, 'they do not delay the end of the process')
})

t.test('close() lets connections complete a header that has begun', async (t) => {
  const balancer = await start(t, { timeout: 60_000 })
  const socket = await dial(balancer.port)
  socket.write(headers[0]!.subarray(0, 10))
  await until('it was accepted', async () => (await ask(balancer, headers[0]!, '/')).port === client.port)
  const drain = balancer.event('drain')
  const closing = balancer.close({ deadline: 20_000 })
  await drain
  await untilRefused(balancer.port)
  socket.write(Buffer.concat([headers[0]!.subarray(10), post]))
  t.match(parsed(await text(socket)), { bytes: body.length, sha256, ...client })
  await closing
  t.strictSame(await balancer.exited, { code: 0, signal: null })
})

t.test('the application can close its server itself', async (t) => {
  const balancer = await start(t)
  t.match(await ask(balancer, headers[0]!, '/close'), client)
  await untilRefused(balancer.port)
  await balancer.close()
  t.strictSame(await balancer.exited, { code: 0, signal: null })
})

t.test('a port in use rejects `ready` with HOLDFAST_PORT_IN_USE', async (t) => {
  const taken = net.createServer().listen(0)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as net.AddressInfo
  await t.rejects(start(t, {}, { options: { port } }), { code: 'HOLDFAST_PORT_IN_USE' })
})

t.test('no byte is lost or added where connections are accepted as net.Socket', async (t) => {
  const balancer = await start(t, {}, { fixture: 'portable-app' })
  for (const header of headers) {
    await everySplit(header, async (socket, rest) => {
      socket.write(Buffer.concat([rest, post]))
      t.match(parsed(await text(socket)), { bytes: body.length, sha256, ...client })
    })(balancer)
  }
  t.match(balancer.output(), /accepted a net\.Socket/)
})

function start(t: Test, proxyProtocol: object = {}, more: BalancerOptions = {}): Promise<Balancer> {
  const options = { workers: 0, proxyProtocol: { trust: ['127.0.0.0/8'], ...proxyProtocol }, ...more.options }
  return startBalancer(t, { ...more, options })
}

/** Opens a connection for each split of the header and sends the first part; `go` does the rest. */
function everySplit(header: Buffer, go: (socket: net.Socket, rest: Buffer) => Promise<void>) {
  return async ({ port }: Balancer): Promise<void> => {
    const splits = Array.from({ length: header.length }, (_, i) => i + 1)
    await Promise.all(
      splits.map(async (at) => {
        const socket = await dial(port)
        socket.setNoDelay(true)
        socket.write(header.subarray(0, at))
        await new Promise((done) => setTimeout(done, 5))
        await go(socket, header.subarray(at))
      }),
    )
  }
}

async function ask({ port }: Balancer, header: Buffer, path: string): Promise<Reply> {
  const socket = await dial(port)
  socket.write(Buffer.concat([header, Buffer.from(get(path))]))
  return parsed(await text(socket))
}

function parsed(response: string): Reply {
  return JSON.parse(response.slice(response.indexOf('{'), response.lastIndexOf('}') + 1)) as Reply
}

/** Resolves when the connection is closed, with or without a reset. */
function refused(socket: net.Socket): Promise<void> {
  return new Promise((done) => {
    socket.on('error', () => {})
    socket.on('close', done).resume()
  })
}
