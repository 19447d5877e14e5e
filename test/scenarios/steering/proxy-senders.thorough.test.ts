// Headers as other programs send them: HAProxy, nginx and curl.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import { join } from 'node:path'
import { json, text } from 'node:stream/consumers'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { io } from 'socket.io-client'
import t, { type Test } from 'tap'
import type { ProxyInfo } from '../../../src/index.ts'
import { startBalancer, type Balancer, type BalancerOptions } from '../../support/balancer.ts'
import { dial, freePort, loopback, request, until, type Reply } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { startHaproxy, startNginxStream } from '../../support/proxies.ts'

const body = randomBytes(10_000_000)
const sha256 = createHash('sha256').update(body).digest('hex')

/** Loopback addresses that are far from each other. */
const clients = [1, 77, 251, 3_000, 70_000].map(loopback)

const noHaproxy = missing('haproxy')

for (const native of ['0', '1']) {
  const over = native === '1' ? 'the best transport' : 'node-ipc'

  t.test(`HAProxy, send-proxy and send-proxy-v2, over ${over}`, { skip: noHaproxy }, async (t) => {
    const balancer = await start(t, native)
    const [v1, v2, sums] = await freePorts()
    await startHaproxy(t, [v1, v2, sums], () => {
      const section = (port: number, how: string) => `
listen from-${port}
  bind 127.0.0.1:${port}
  unique-id-format %ci:%cp
  server app 127.0.0.1:${balancer.port} ${how}
`
      return (
        section(v1, 'send-proxy') +
        section(v2, 'send-proxy-v2') +
        section(sums, 'send-proxy-v2 proxy-v2-options crc32c,unique-id')
      )
    })
    for (const port of [v1, v2, sums]) await serves(t, balancer, port)
    const { port, proxy } = await request({ port: sums, from: clients[0]!, path: '/proxy' })
    const { uniqueId, tlvs } = proxy as ProxyInfo
    t.equal(Buffer.from(uniqueId!).toString(), `${clients[0]}:${port}`)
    t.ok(
      [0x03, 0x05].every((type) => tlvs.some((tlv) => tlv.type === type)),
      'the checksum was there and correct',
    )
  })

  t.test(`nginx, stream with proxy_protocol, over ${over}`, { skip: missing('nginx') }, async (t) => {
    const balancer = await start(t, native)
    const [plain, mapped] = await freePorts()
    const server = (listen: string) =>
      `  server { listen ${listen}; proxy_pass 127.0.0.1:${balancer.port}; proxy_protocol on; }\n`
    // On a dual-stack socket, nginx writes the address of an IPv4 client as ::ffff:1.2.3.4.
    await startNginxStream(t, [plain, mapped], server(`127.0.0.1:${plain}`) + server(`[::]:${mapped} ipv6only=off`))
    for (const port of [plain, mapped]) await serves(t, balancer, port)
  })

  t.test(`curl --haproxy-protocol, over ${over}`, { skip: missing('curl') }, async (t) => {
    const balancer = await start(t, native)
    for (const from of clients) {
      const reply = await curl(balancer, ['--haproxy-protocol', '--interface', from])
      t.match(reply, { address: from, worker: (await balancer.explain(from)).worker })
    }
  })
}

t.test('an IPv6 client of HAProxy, and one of nginx', { skip: noHaproxy || missing('nginx') }, async (t) => {
  const balancer = await start(t)
  const [v1, v2, stream] = await freePorts()
  const section = (port: number, how: string) =>
    `listen from-${port}\n  bind ::1:${port}\n  server app 127.0.0.1:${balancer.port} ${how}\n`
  await startHaproxy(t, [v1, v2], () => section(v1, 'send-proxy') + section(v2, 'send-proxy-v2'))
  const server = `server { listen [::1]:${stream}; proxy_pass 127.0.0.1:${balancer.port}; proxy_protocol on; }`
  await startNginxStream(t, [stream], server)
  for (const port of [v1, v2, stream]) {
    const reply = await request({ port, from: '::1', path: '/proxy' })
    t.match(reply, { address: '::1', family: 'IPv6', worker: (await balancer.explain('::1')).worker })
    t.match(reply['proxy'], { destination: { address: '::1', port } })
  }
})

t.test('HAProxy ends TLS, and its header tells SNI, ALPN and cipher', { skip: noHaproxy }, async (t) => {
  const balancer = await start(t)
  const [port] = await freePorts()
  await startHaproxy(t, [port], (folder) => {
    const bundle = join(folder, 'bundle.pem')
    writeFileSync(bundle, pem('cert') + pem('key'))
    return `
frontend tls
  mode http
  bind 127.0.0.1:${port} ssl crt ${bundle} alpn http/1.1
  unique-id-format %ci:%cp
  default_backend app
backend app
  mode http
  server app 127.0.0.1:${balancer.port} send-proxy-v2 proxy-v2-options unique-id,authority,crc32c,ssl,cert-cn,ssl-cipher
`
  })
  for (const from of clients) {
    const options = {
      port,
      path: '/proxy',
      localAddress: from,
      servername: 'shop.example',
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false,
      agent: false as const,
    }
    const [response] = await once(https.get(options), 'response')
    const reply = (await json(response as NodeJS.ReadableStream)) as Reply
    t.match(reply, { address: from, worker: (await balancer.explain(from)).worker })
    const { authority, alpn, uniqueId, tlvs } = reply['proxy'] as ProxyInfo
    t.match({ authority, alpn }, { authority: 'shop.example', alpn: 'http/1.1' })
    t.match(Buffer.from(uniqueId!).toString(), new RegExp(`^${from}:\\d+$`))
    const ssl = tlvs.find(({ type }) => type === 0x20)
    t.match(Buffer.from(ssl!.value).toString('latin1'), /TLSv1\.[23].*(AES|CHACHA)/s)
  }
})

t.test('TLS, and HTTP/2 in it, pass through HAProxy', { skip: noHaproxy }, async (t) => {
  const balancer = await start(t, '1', { kind: 'http2' })
  const [v1, v2] = await freePorts()
  const section = (port: number, how: string) =>
    `listen from-${port}\n  bind 127.0.0.1:${port}\n  server app 127.0.0.1:${balancer.port} ${how}\n`
  await startHaproxy(t, [v1, v2], () => section(v1, 'send-proxy') + section(v2, 'send-proxy-v2'))
  for (const port of [v1, v2]) {
    for (const from of clients) {
      const socket = await dial(port, from)
      const secure = tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      const session = http2.connect('https://localhost', { createConnection: () => secure })
      const upload = session.request({ ':path': '/hash', ':method': 'POST' })
      const other = session.request({ ':path': '/' })
      upload.end(body)
      const { worker } = await balancer.explain(from)
      const replies = await Promise.all([json(upload), json(other)])
      t.match(replies, [
        { bytes: body.length, sha256, port: socket.localPort },
        { address: from, worker },
      ])
      session.close()
    }
  }
})

t.test('health checks with the header pass, and those without it do not', { skip: noHaproxy }, async (t) => {
  const balancer = await start(t)
  const [port] = await freePorts()
  const server = (name: string, how: string) =>
    `  server ${name} 127.0.0.1:${balancer.port} check inter 50ms fall 1 rise 1 ${how}\n`
  const { folder } = await startHaproxy(
    t,
    [port],
    () => `
listen app
  bind 127.0.0.1:${port}
  option httpchk GET /health
${server('v1', 'send-proxy')}${server('v2', 'send-proxy-v2')}
${server('explicit', `send-proxy-v2 port ${balancer.port} check-send-proxy`)}
${server('silent', `send-proxy-v2 port ${balancer.port}`)}`,
  )
  const results = async () => {
    const socket = net.connect(join(folder, 'stats'))
    socket.write('show stat\n')
    const [head, ...lines] = (await text(socket)).trim().split('\n')
    const at = (name: string) => head!.split(',').indexOf(name)
    return lines
      .map((line) => line.split(','))
      .map((fields) => `${fields[1]} ${fields[at('status')]} ${fields[at('check_status')]}`.replace('* ', ''))
  }
  for (const name of ['v1', 'v2', 'explicit']) {
    await until(`${name} passes`, async () => (await results()).includes(`${name} UP L7OK`))
  }
  await until('silent does not', async () => (await results()).some((line) => line.startsWith('silent DOWN')))
  const { closed, handedOff } = (await balancer.status()).connections
  t.ok(closed['proxy-missing'] > 0)
  t.ok(handedOff > 0, 'checks of the application reach a worker')
  t.match(closed, { 'proxy-malformed': 0, 'proxy-untrusted': 0, 'proxy-checksum': 0 })
})

t.test(
  "Express's req.ip and Socket.IO's handshake.address are the client's address",
  { skip: noHaproxy },
  async (t) => {
    const [express, socketIo] = [
      await start(t, '1', { fixture: 'express-app' }),
      await start(t, '1', { fixture: 'socket-io-app', env: { REDIS_URL: '' } }),
    ]
    const [toExpress, toSocketIo] = await freePorts()
    const section = (port: number, { port: to }: Balancer) =>
      `listen from-${port}\n  bind 127.0.0.1:${port}\n  server app 127.0.0.1:${to} send-proxy-v2\n`
    await startHaproxy(t, [toExpress, toSocketIo], () => section(toExpress, express) + section(toSocketIo, socketIo))
    for (const from of clients) {
      t.match(await request({ port: toExpress, from, path: '/visits' }), { address: from })
      const socket = io(`http://127.0.0.1:${toSocketIo}`, {
        transports: ['websocket'],
        localAddress: from,
        reconnection: false,
      } as object)
      t.teardown(() => socket.close())
      const pid = await new Promise<number>((hello) => socket.once('hello', hello))
      t.equal(pid, await socketIo.pid((await socketIo.explain(from)).worker))
      t.equal(await socket.emitWithAck('address'), from)
    }
  },
)

function start(t: Test, native = '1', more: BalancerOptions = {}): Promise<Balancer> {
  const options = { workers: 2, proxyProtocol: { trust: ['127.0.0.0/8'] } }
  return startBalancer(t, { ...more, options, env: { ...more.env, HOLDFAST_NATIVE: native } })
}

/** Checks for each client through the proxy on that port: its address, its worker, and ten megabytes byte for byte. */
async function serves(t: Test, balancer: Balancer, port: number): Promise<void> {
  for (const from of clients) {
    const { worker } = await balancer.explain(from)
    t.match(await request({ port, from, path: '/hash', method: 'POST', body }), {
      address: from,
      worker,
      bytes: body.length,
      sha256,
    })
    const reply = await request({ port, from, path: '/proxy' })
    t.match(reply, { address: from, family: 'IPv4', worker })
    t.match(reply['proxy'], { proxy: { address: '127.0.0.1' }, destination: { address: '127.0.0.1', port } })
  }
}

async function curl({ port }: Balancer, args: string[]): Promise<Reply> {
  const { stdout } = await promisify(execFile)('curl', ['-sS', ...args, `http://127.0.0.1:${port}/proxy`])
  return JSON.parse(stdout) as Reply
}

function pem(name: string): string {
  return readFileSync(new URL(`../../../../test/fixtures/localhost-${name}.pem`, import.meta.url), 'utf8')
}

async function freePorts(): Promise<[number, number, number]> {
  return [await freePort(), await freePort(), await freePort()]
}
