// Connections at the gate that are slow, broken off, or overtaken by what happens to the workers meanwhile.
import { once } from 'node:events'
import type net from 'node:net'
import { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { startBalancer, type Balancer, type BalancerOptions } from '../support/balancer.ts'
import { dial, pool, until, untilRefused, type Reply } from '../support/clients.ts'
import { headerV1, headerV2, type From } from '../support/proxy-headers.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

for (const native of ['0', '1']) {
  const over = native === '1' ? 'the best transport' : 'node-ipc'
  const start = (t: Test, proxyProtocol: object = {}, more: BalancerOptions = {}) =>
    startBalancer(t, {
      ...more,
      options: { workers: 2, proxyProtocol: { trust: ['127.0.0.0/8'], ...proxyProtocol }, ...more.options },
      env: { HOLDFAST_NATIVE: native },
    })

  t.test(`senders that drip a byte now and then are all ended, and hold up nobody, over ${over}`, async (t) => {
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
    t.ok(closed['proxy-timeout'] > 0, 'those that had a place were ended by the deadline')
    t.ok(Math.max(...lives) < 15_000, 'which every byte does not begin anew')
    await until('no descriptor is left over', async () => {
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
        await until('it is gone', async () => (await balancer.status()).connections.pending === 0)
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
    await until('no descriptor is left over', async () => {
      const { descriptors } = await balancer.resources()
      return descriptors <= before.descriptors
    })
  })

  t.test(`a TLS handshake in the header's own segment is the application's, over ${over}`, async (t) => {
    const balancer = await start(t, {}, { kind: 'https' })
    for (const header of [headerV1(client(2)), headerV2(client(2))]) {
      const socket = await dial(balancer.port)
      const secure = tls.connect({ socket: prefixed(socket, header), rejectUnauthorized: false })
      secure.write(get)
      t.match(parsed(await text(secure)), { address: client(2).address, port: client(2).port })
    }
  })

  t.test(`a thousand at once all get to their worker, over ${over}`, async (t) => {
    const balancer = await start(t, {}, { options: { workers: 3 } })
    const clients = Array.from({ length: 1_000 }, (_, n) => client(n))
    const sockets = await Promise.all(clients.map(() => dial(balancer.port)))
    const replies = await Promise.all(
      sockets.map((socket, n) => answer(socket, (n % 2 === 0 ? headerV1 : headerV2)(clients[n]!))),
    )
    const wrong = await pool(
      clients.map(({ address, port }, n) => async () => {
        const { worker } = await balancer.explain(address)
        const reply = replies[n]!
        return reply.address === address && reply.port === port && reply.worker === worker ? [] : [reply]
      }),
      20,
    )
    t.strictSame(wrong.flat(), [])
    const { accepted, handedOff, pending } = (await balancer.status()).connections
    t.strictSame([accepted, handedOff, pending], [1_000, 1_000, 0])
  })

  t.test(`workers are killed, reloaded and scaled while connections stand at the gate, over ${over}`, async (t) => {
    const balancer = await start(t, { timeout: 60_000 }, { options: { workers: 2, restart: { minDelay: 10 } } })
    const killed = 'a worker is killed'
    const changes: [string, () => Promise<unknown>][] = [
      [killed, async () => process.kill(await balancer.pid(0), 'SIGKILL')],
      ['all are reloaded', () => balancer.reload()],
      ['there is one more', () => balancer.scale(3)],
      ['there is only one', () => balancer.scale(1)],
      ['there are two again', () => balancer.scale(2)],
    ]
    for (const [what, change] of changes) {
      const clients = Array.from({ length: 40 }, (_, n) => client(n))
      const headers = clients.map((from, n) => (n % 2 === 0 ? headerV1 : headerV2)(from))
      const sockets = await Promise.all(clients.map(() => dial(balancer.port)))
      for (const [n, socket] of sockets.entries()) socket.write(headers[n]!.subarray(0, 15))
      await until('all wait', async () => (await balancer.status()).connections.pending === 40)
      const changing = change()
      // Half of them go on while it happens, the others afterwards. But what a killed worker is serving goes with it.
      const answers = sockets.map(async (socket, n) => {
        if (n % 4 < 2 || what === killed) await changing
        return answer(socket, headers[n]!.subarray(15))
      })
      const replies = await Promise.all(answers)
      const addresses = replies.map(({ address }) => address)
      t.strictSame(
        addresses,
        clients.map(({ address }) => address),
        what,
      )
      await changing
      for (const [n, reply] of replies.entries()) {
        if (n % 4 < 2) t.equal(reply.worker, (await balancer.explain(clients[n]!.address)).worker, what)
      }
    }
    const { accepted, handedOff, pending } = (await balancer.status()).connections
    t.strictSame([accepted, handedOff, pending], [200, 200, 0])
  })
}

t.test('who waits for a header does not use up limits.maxPending, and the other way round', async (t) => {
  const options = { workers: 1, proxyProtocol: trusted({ timeout: 60_000, maxWaiting: 10 }), limits: { maxPending: 5 } }
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
  await until('three made room', async () => (await connections()).closed['proxy-waiting-full'] === 3)
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
})

t.test('a connection that a limit refuses after its header does not hold up the end', async (t) => {
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
  await until('the worker is told, long before the deadline', () => state === 'draining')
  first.destroy()
  await closing
})

t.test('where the primary can only accept the public way, everything is the same', async (t) => {
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
    await until('no descriptor is left over', async () => (await balancer.resources()).descriptors <= descriptors)
    t.equal(await balancer.close(), true, 'nobody is counted who is gone')
  }
})

function client(n: number): From {
  return { address: n < 250 ? `203.0.113.${n}` : `198.51.${Math.floor(n / 250)}.${n % 250}`, port: 1_024 + n }
}

function trusted(more: object) {
  return { trust: ['127.0.0.0/8'], ...more }
}

/** A byte at a time, for as long as it is let. */
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

/** One client after the other, while `look` says so. @throws when one of them is not served */
async function serveWhile(balancer: Balancer, look: () => Promise<boolean>): Promise<void> {
  for (let n = 0, goesOn = true; goesOn; n++) {
    const reply = await answer(await dial(balancer.port), headerV1(client(n % 1_000)))
    if (reply.address !== client(n % 1_000).address) throw new Error(`got ${JSON.stringify(reply)}`)
    goesOn = await look()
  }
}

/** The header and the first bytes that are written leave together. */
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

/** What the application answers to one request behind the header, or the rest of one. */
async function answer(socket: net.Socket, header: Buffer): Promise<Reply> {
  socket.write(Buffer.concat([header, Buffer.from(get)]))
  return parsed(await text(socket))
}

function parsed(response: string): Reply {
  return JSON.parse(response.slice(response.indexOf('{'), response.lastIndexOf('}') + 1)) as Reply
}
