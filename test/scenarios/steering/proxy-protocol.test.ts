import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { json } from 'node:stream/consumers'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import type { StickyOptions } from '../../../src/index.ts'
import { startBalancer, type Balancer, type BalancerOptions } from '../../support/balancer.ts'
import { dial, until, type Reply } from '../../support/clients.ts'
import { headerV1, headerV2 } from '../../support/proxy-headers.ts'

const client = { address: '203.0.113.7', port: 50_123 }

const body = randomBytes(300_000)
const sha256 = createHash('sha256').update(body).digest('hex')
const post = `POST /hash HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`

for (const native of ['0', '1']) {
  const over = native === '1' ? 'the best transport' : 'node-ipc'
  const start = (t: Test, proxyProtocol: object = {}, more: BalancerOptions = {}) =>
    startBalancer(t, {
      ...more,
      options: { workers: 2, proxyProtocol: { trust: ['127.0.0.0/8'], ...proxyProtocol }, ...more.options },
      env: { HOLDFAST_NATIVE: native },
    })

  t.test(`the header tells the client's address, which the application sees, over ${over}`, async (t) => {
    const balancer = await start(t)
    for (const header of [headerV1, headerV2]) {
      for (const address of ['203.0.113.7', '198.51.100.200', '2001:db8::1:2', '2001:db8:0:9::2']) {
        const reply = await ask(balancer, header({ address, port: 4711 }), '/proxy')
        const { worker } = await balancer.explain(address)
        t.match(reply, { address, port: 4711, worker, family: address.includes(':') ? 'IPv6' : 'IPv4' })
        t.match(reply['proxy'], { proxy: { address: '127.0.0.1' }, destination: { port: 443 } })
      }
    }
    t.equal((await balancer.status()).connections.accepted, 8)
  })

  t.test(`no byte behind the header is lost or added, wherever the header is split, over ${over}`, async (t) => {
    const balancer = await start(t)
    const request = Buffer.concat([Buffer.from(post), body])
    for (const header of [headerV1(client), headerV2(client, { uniqueId: 'split', checksum: true })]) {
      const splits = Array.from({ length: header.length }, (_, i) => i + 1)
      await Promise.all(
        splits.map(async (at) => {
          const socket = await dial(balancer.port)
          socket.setNoDelay(true)
          socket.write(header.subarray(0, at))
          await new Promise((done) => setTimeout(done, 5))
          socket.write(Buffer.concat([header.subarray(at), request]))
          t.match(await answer(socket), { bytes: body.length, sha256, address: client.address })
        }),
      )
    }
  })

  t.test(`a health check of the proxy and an unknown protocol count with the real address, over ${over}`, async (t) => {
    const balancer = await start(t)
    const local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')
    for (const header of [Buffer.from('PROXY UNKNOWN\r\n'), local]) {
      const reply = await ask(balancer, header, '/proxy')
      t.match(reply, { address: /127\.0\.0\.1$/, worker: (await balancer.explain('127.0.0.1')).worker })
      t.equal(reply['proxy'], undefined)
    }
  })

  t.test(`TLS and HTTP/2 behind the header work, over ${over}`, async (t) => {
    const balancer = await start(t, {}, { kind: 'http2' })
    for (const header of [headerV1(client), headerV2(client)]) {
      const socket = await dial(balancer.port)
      socket.write(header)
      const secure = tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      const session = http2.connect('https://localhost', { createConnection: () => secure })
      const stream = session.request({ ':path': '/hash', ':method': 'POST' })
      stream.end(body.subarray(0, 50_000))
      const reply = (await json(stream)) as Reply
      t.match(reply, { bytes: 50_000, address: client.address, port: client.port })
      session.close()
    }
  })

  t.test(`a connection that is not trusted, or has no valid header, is closed and counted, over ${over}`, async (t) => {
    const balancer = await start(t, { trust: ['127.0.0.0/24'], timeout: 300 })
    const good = headerV1(client)
    const wrong = headerV2(client, { checksum: true })
    wrong[20] = 99
    const cases: [reason: string, bytes: Buffer | string, from?: string][] = [
      ['proxy-untrusted', good, '127.5.0.1'],
      ['proxy-missing', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['proxy-malformed', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n'],
      ['proxy-too-long', `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`],
      ['proxy-checksum', wrong],
      ['proxy-timeout', good.subarray(0, 20)],
    ]
    for (const [reason, bytes, from] of cases) {
      const socket = await dial(balancer.port, from)
      socket.write(bytes)
      await refused(socket)
      const { closed } = (await balancer.status()).connections
      t.equal(Reflect.get(closed, reason), 1, reason)
      t.match(balancer.output(), new RegExp(`proxy.refused.*${reason}`))
    }
    const socket = await dial(balancer.port)
    socket.end('PROXY ')
    await refused(socket)
    const { accepted, handedOff, closed } = (await balancer.status()).connections
    t.match(closed, { 'proxy-aborted': 1 })
    t.strictSame([accepted, handedOff], [7, 0], 'no worker got any of them')
  })

  t.test(`clients that send nothing hold no more places than maxWaiting, over ${over}`, async (t) => {
    const balancer = await start(t, { timeout: 60_000, maxWaiting: 20 })
    const silent: net.Socket[] = []
    for (let n = 0; n < 50; n++) {
      const socket = await dial(balancer.port)
      socket.on('error', () => {}).resume()
      socket.write('PROXY')
      silent.push(socket)
    }
    await until('30 are refused', async () => (await balancer.status()).connections.closed['proxy-waiting-full'] === 30)
    t.equal((await balancer.status()).connections.pending, 20)
    t.equal(await balancer.close({ deadline: 400 }), true, 'they do not hold up close()')
    await until('all are closed', () => silent.every(({ destroyed }) => destroyed))
  })
}

t.test('a long header with all values that a cloud adds reaches the application whole', async (t) => {
  const balancer = await startBalancer(t, { options: proxied() })
  const vpce = 'vpce-08d2bf15fac5001c9'
  const header = headerV2(client, {
    uniqueId: 'connection 17',
    authority: 'shop.example',
    checksum: true,
    more: [
      [0xea, Buffer.from(`\x01${vpce}`)],
      [0xe0, randomBytes(3_000)],
    ],
  })
  const { proxy } = await ask(balancer, header, '/proxy')
  t.match(proxy, { authority: 'shop.example', vpcEndpointId: vpce })
  t.equal(Buffer.from((proxy as { uniqueId: Buffer }).uniqueId).toString(), 'connection 17')
})

t.test('limits count the client, not the proxy', async (t) => {
  const options = { ...proxied(), limits: { maxPerAddress: 2 } }
  const balancer = await startBalancer(t, { kind: 'net', options })
  const open: net.Socket[] = []
  for (const port of [1, 2]) {
    const socket = await dial(balancer.port)
    socket.write(headerV1({ ...client, port }))
    await once(socket, 'data')
    open.push(socket)
  }
  const third = await dial(balancer.port)
  third.write(headerV1({ ...client, port: 3 }))
  await refused(third)
  t.match((await balancer.status()).connections.closed, { 'address-full': 1 })
  const other = await dial(balancer.port)
  other.write(headerV1({ address: '203.0.113.8', port: 3 }))
  await once(other, 'data')
  for (const socket of [...open, other]) socket.destroy()
})

t.test('a connection keeps its header when its worker is killed before it acknowledges', async (t) => {
  const balancer = await startBalancer(t, { options: proxied() })
  const { worker } = await balancer.explain(client.address)
  const pid = await balancer.pid(worker)
  process.kill(pid, 'SIGSTOP')
  const answered = ask(balancer, headerV2(client), '/')
  await until('it waits', async () => (await balancer.status()).connections.pending === 1)
  process.kill(pid, 'SIGKILL')
  const reply = await answered
  t.match(reply, { worker, address: client.address })
  t.not(reply.pid, pid)
})

t.test("kernel steering cannot read a header: 'auto' says so and takes hand-off, 'kernel' is refused", async (t) => {
  const auto = await startBalancer(t, { options: { ...proxied(), steering: 'auto' } })
  t.match((await auto.status()).steering, { name: 'handoff', reason: /proxyProtocol/ })
  const kernel = startBalancer(t, { options: { ...proxied(), steering: 'kernel' } })
  await t.rejects(kernel, { code: 'HOLDFAST_KERNEL_STEERING', message: /proxyProtocol/ })
})

function proxied(): StickyOptions {
  return { workers: 2, proxyProtocol: { trust: ['127.0.0.0/8', '::1'] } }
}

/** Sends one request behind a header. */
async function ask(balancer: Balancer, header: Buffer, path: string): Promise<Reply> {
  const socket = await dial(balancer.port)
  socket.write(header)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  return answer(socket)
}

/** Resolves when the connection is closed, with or without a reset. */
function refused(socket: net.Socket): Promise<void> {
  return new Promise((done) =>
    socket
      .on('error', () => {})
      .on('close', done)
      .resume(),
  )
}

async function answer(socket: net.Socket): Promise<Reply> {
  const text = (await socket.toArray()).join('')
  return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as Reply
}
