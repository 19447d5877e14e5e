// Connections at the PROXY protocol gate that are slow, broken off, too many or refused.
import { once } from 'node:events'
import type net from 'node:net'
import { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { startBalancer, type Balancer, type BalancerOptions } from '../../support/balancer.ts'
import { answer, client, get, parsed, startTrusting, trusted } from '../../support/behind-proxy.ts'
import { dial, until, untilRefused } from '../../support/clients.ts'
import { headerV1, headerV2 } from '../../support/proxy-headers.ts'

for (const native of ['0', '1']) {
  const over = native === '1' ? 'the best transport' : 'node-ipc'
  const start = (t: Test, proxyProtocol: object = {}, more: BalancerOptions = {}) =>
    startTrusting(t, proxyProtocol, { ...more, env: { HOLDFAST_NATIVE: native } })

  t.test(`senders that send a byte now and then are all ended, and hold up no client, over ${over}`, async (t) => {
    const [maxWaiting, slow] = [40, 100]
    const balancer = await start(t, { timeout: 1_500, maxWaiting })
    const before = await balancer.resources()
    const long = headerV2(client(1), { more: [[0xe0, Buffer.alloc(3_000)]] })
    const connecting = Array.from({ length: slow }, (_, n) => dial(balancer.port, `127.9.0.${n + 1}`))
    const senders = await Promise.all(connecting)
    const begun = performance.now()
    const ending = Promise.all(senders.map((socket) => drip(socket, long).then(() => performance.now() - begun)))
    let hasEnded = false
    const serving = serveWhile(balancer, async () => {
      const { pending } = (await balancer.status()).connections
      if (pending > maxWaiting + 1) throw new Error(`${pending} connections wait`)
      return !hasEnded
    })
    const lives = await Promise.race([ending, serving.then(() => ending)])
    hasEnded = true
    await serving
    t.equal(lives.length, slow)
    const { closed } = (await balancer.status()).connections
    t.equal(closed['proxy-timeout'] + closed['proxy-waiting-full'], slow)
    t.ok(closed['proxy-timeout'] > 0, 'senders that had a place were ended by the timeout')
    t.ok(Math.max(...lives) < 15_000, 'a byte does not restart the timeout')
    await until('all descriptors are closed', async () => {
      const { descriptors } = await balancer.resources()
      return descriptors <= before.descriptors
    })
  })

  t.test(`a reset in a header is counted, and a half-closed connection is served, over ${over}`, async (t) => {
    const balancer = await start(t, {}, { kind: 'net' })
    const before = await balancer.resources()
    for (const header of [headerV1(client(1)), headerV2(client(1))]) {
      for (const at of [1, 14, header.length - 1]) {
        const socket = await dial(balancer.port)
        socket.write(header.subarray(0, at))
        await until('it waits', async () => (await balancer.status()).connections.pending === 1)
        socket.resetAndDestroy()
        await until('it waits no longer', async () => (await balancer.status()).connections.pending === 0)
      }
      const half = await dial(balancer.port)
      half.end(header)
      t.match(JSON.parse(await text(half)), { address: client(1).address })
      const echo = await dial(balancer.port)
      echo.end(Buffer.concat([header, Buffer.from('and more')]))
      t.match(await text(echo), /203\.0\.113\.1".*\}\nand more$/s)
    }
    const { accepted, handedOff, closed } = (await balancer.status()).connections
    t.strictSame([accepted, handedOff, closed['proxy-aborted']], [10, 4, 6])
    await until('all descriptors are closed', async () => {
      const { descriptors } = await balancer.resources()
      return descriptors <= before.descriptors
    })
  })

  t.test(`a TLS handshake in the same segment as the header reaches the application, over ${over}`, async (t) => {
    const balancer = await start(t, {}, { kind: 'https' })
    for (const header of [headerV1(client(2)), headerV2(client(2))]) {
      const socket = await dial(balancer.port)
      const secure = tls.connect({ socket: prefixed(socket, header), rejectUnauthorized: false })
      secure.write(get)
      t.match(parsed(await text(secure)), { address: client(2).address, port: client(2).port })
    }
  })
}

t.test(
  'connections that wait for a header do not use up limits.maxPending, nor those for a worker maxWaiting',
  async (t) => {
    const options = {
      workers: 1,
      proxyProtocol: trusted({ timeout: 60_000, maxWaiting: 10 }),
      limits: { maxPending: 5 },
    }
    const balancer = await startBalancer(t, { options })
    const pid = await balancer.pid(0)
    process.kill(pid, 'SIGSTOP')
    const header = headerV2(client(3))
    const sockets: net.Socket[] = []
    for (let n = 0; n < 13; n++) {
      const socket = await dial(balancer.port)
      socket.on('error', () => {})
      socket.write(header.subarray(0, 20))
      sockets.push(socket)
    }
    const connections = async () => (await balancer.status()).connections
    await until('the three oldest are refused', async () => (await connections()).closed['proxy-waiting-full'] === 3)
    t.equal((await connections()).pending, 10)
    for (const socket of sockets.slice(3, 11)) socket.write(header.subarray(20))
    await until('three are too many', async () => (await connections()).closed['pending-full'] === 3)
    t.equal((await connections()).pending, 7, 'five for the worker, two for their header')
    const replies = Promise.allSettled(sockets.slice(3, 11).map((socket) => answer(socket, Buffer.alloc(0))))
    process.kill(pid, 'SIGCONT')
    const served = (await replies).filter(({ status }) => status === 'fulfilled')
    t.equal(served.length, 5)
    const { accepted, handedOff, pending, closed } = await connections()
    const counted = Object.values(closed).reduce((sum, count) => sum + count, 0)
    t.equal(accepted, handedOff + pending + counted)
    for (const socket of sockets) socket.destroy()
  },
)

t.test('a connection that a limit refuses after its header does not hold up close()', async (t) => {
  const options = { workers: 1, proxyProtocol: trusted({ timeout: 60_000 }), limits: { maxPerAddress: 1 } }
  let state = ''
  const onEvent = (name: string, detail: unknown) => {
    if (name === 'worker:state') ({ state } = detail as { state: string })
  }
  const balancer = await startBalancer(t, { kind: 'net', options, onEvent })
  const header = headerV1(client(4))
  const first = await dial(balancer.port)
  first.write(header)
  await once(first, 'data')
  const second = await dial(balancer.port)
  second.on('error', () => {}).write(header.subarray(0, 10))
  await until('it waits', async () => (await balancer.status()).connections.pending === 1)
  const closing = balancer.close({ deadline: 40_000 })
  await untilRefused(balancer.port)
  second.write(header.subarray(10))
  await until('the worker drains, long before the deadline', () => state === 'draining')
  first.destroy()
  await closing
})

t.test('all works the same if the primary can accept only with the public API', async (t) => {
  for (const native of ['0', '1']) {
    const env = { HOLDFAST_NATIVE: native }
    const options = { workers: 2, proxyProtocol: trusted({ timeout: 500 }) }
    const balancer = await startBalancer(t, { fixture: 'portable-app', options, env })
    for (const header of [headerV1, headerV2]) {
      for (const from of Array.from({ length: 20 }, (_, n) => client(n))) {
        const reply = await answer(await dial(balancer.port), header(from))
        t.match(reply, { address: from.address, worker: (await balancer.explain(from.address)).worker })
      }
    }
    const late = await dial(balancer.port)
    late.on('error', () => {}).write('PROXY')
    await once(late.resume(), 'close')
    t.match((await balancer.status()).connections.closed, { 'proxy-timeout': 1 })
    t.match(balancer.output(), /accepted a net\.Socket/)
    const { descriptors } = await balancer.resources()
    for (let n = 0; n < 20; n++) await answer(await dial(balancer.port), headerV1(client(n)))
    await until('all descriptors are closed', async () => (await balancer.resources()).descriptors <= descriptors)
    t.equal(await balancer.close(), true, 'no ended connection is counted as open')
  }
})

/** Sends one byte at a time until the connection closes. */
function drip(socket: net.Socket, bytes: Buffer): Promise<void> {
  let at = 0
  const timer = setInterval(() => {
    socket.write(bytes.subarray(at, at + 1))
    at++
  }, 100)
  return new Promise((done) => {
    socket.on('error', () => {})
    socket.resume().on('close', () => {
      clearInterval(timer)
      done()
    })
  })
}

/** Sends requests of one client after the other while `goOn` resolves with true. @throws Error if a request fails */
async function serveWhile(balancer: Balancer, goOn: () => Promise<boolean>): Promise<void> {
  for (let n = 0, isServing = true; isServing; n++) {
    const reply = await answer(await dial(balancer.port), headerV1(client(n % 1_000)))
    if (reply.address !== client(n % 1_000).address) throw new Error(`got ${JSON.stringify(reply)}`)
    isServing = await goOn()
  }
}

/** A stream over the socket that sends the header together with the first bytes that are written. */
function prefixed(socket: net.Socket, header: Buffer): Duplex {
  let pending: Buffer = header
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      socket.write(Buffer.concat([pending, chunk]), done)
      pending = Buffer.alloc(0)
    },
    final(done) {
      socket.end(done)
    },
  })
  socket.on('data', (chunk) => duplex.push(chunk))
  socket.on('end', () => duplex.push(null))
  return duplex
}
