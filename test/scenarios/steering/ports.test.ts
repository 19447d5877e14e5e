// Several ports and several servers in one program, behind one balancer.
import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { startBalancer, type Balancer, type BalancerOptions } from '../../support/balancer.ts'
import { dial, freePort, loopback, request, until } from '../../support/clients.ts'

const clients = Array.from({ length: 12 }, (_, n) => loopback(n))

/** Starts the program with two servers, and reads its ports: those of the first server, then that of the other one. */
async function start(t: Test, { env = {}, options = {}, ...more }: BalancerOptions) {
  const balancer = await startBalancer(t, { fixture: 'ports-app', env, options, ...more })
  return { balancer, ports: await portsOf(balancer) }
}

async function portsOf(balancer: Balancer): Promise<number[]> {
  return (await balancer.status()).addresses.map((address) => (address as net.AddressInfo).port)
}

for (const [way, steering, native] of [
  ['hand-off over the descriptor channel', 'handoff', '1'],
  ['hand-off over node-ipc', 'handoff', '0'],
  ['kernel steering', 'kernel', '1'],
] as const) {
  t.test(`a client has the same worker on every port, with ${way}`, async (t) => {
    const env = { HOLDFAST_NATIVE: native }
    const { balancer, ports } = await start(t, { env, options: { port: [0, 0], workers: 3, steering } })
    t.equal(new Set(ports).size, 3)
    t.strictSame((await balancer.status()).address, balancer.address, 'the first address is that of the balancer')
    for (const from of clients) {
      const replies = await Promise.all(ports.map((port) => request({ port, from })))
      const { worker } = await balancer.explain(from)
      for (const [i, reply] of replies.entries()) {
        const at =
          i === 2 ? { server: 'other', bound: { port: ports[2] } } : { server: 'first', bound: { port: ports[0] } }
        t.match(reply, { worker, ...at, address: new RegExp(`${from}$`) })
      }
    }
  })

  t.test(`a reload fails no request on any port, with ${way}`, async (t) => {
    const env = { HOLDFAST_NATIVE: native }
    const { balancer, ports } = await start(t, { env, options: { port: [0, 0], workers: 2, steering } })
    const before = [await balancer.pid(0), await balancer.pid(1)]
    const end = new AbortController()
    let answered = 0
    const load = clients.slice(0, 6).map(async (from, n) => {
      for (let i = n; !end.signal.aborted; i++) {
        const reply = await request({ port: ports[i % 3]!, from })
        t.equal(reply['server'], i % 3 === 2 ? 'other' : 'first')
        answered++
      }
    })
    await balancer.reload()
    end.abort()
    await Promise.all(load)
    t.ok(answered > 0)
    for (const port of ports) t.notOk(before.includes((await request({ port })).pid), 'a new process answers')
    t.strictSame(await portsOf(balancer), ports)
    const { closed } = (await balancer.status()).connections
    t.equal(
      Object.values(closed).reduce((sum, n) => sum + n, 0),
      0,
    )
  })
}

t.test('a server that is added later gets its clients', async (t) => {
  const other = await freePort()
  const env = { FIXTURE_LATE: '50', FIXTURE_OTHER: JSON.stringify({ port: other }) }
  const { balancer } = await start(t, { env, options: { workers: 2 } })
  await until('it is open', async () => (await portsOf(balancer)).includes(other))
  for (const from of clients) {
    t.match(await request({ port: other, from }), { server: 'other', worker: (await balancer.explain(from)).worker })
  }
})

t.test('when one worker closes one of its servers, another worker serves its clients there', async (t) => {
  const { balancer, ports } = await start(t, { options: { workers: 2 } })
  const from = clients[0]!
  const { worker } = await request({ port: ports[1]!, from, path: '/close' })
  await until('another one answers', async () => (await request({ port: ports[1]!, from })).worker !== worker)
  t.match(await request({ port: ports[0]!, from }), { worker, server: 'first' }, 'its other server goes on')
  t.equal((await balancer.status()).workers[worker]?.restarts, 0)
})

t.test('requests of a session reach the same server in the worker of the session', async (t) => {
  const { ports } = await start(t, { options: { workers: 3, session: { cookie: 'seat', set: false } } })
  const sessions = new Map<string, number>()
  for (const from of clients) {
    for (const seat of ['a', 'b', 'c', 'd']) {
      const { worker, ...reply } = await request({ port: ports[1]!, from, headers: { cookie: `seat=${seat}` } })
      t.equal(reply['server'], 'other')
      t.equal(sessions.get(seat) ?? worker, worker)
      sessions.set(seat, worker)
    }
  }
  t.ok(new Set(sessions.values()).size > 1)
  const home = sessions.get('a')
  for (const from of clients) {
    const socket = await dial(ports[1]!, from)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nCookie: seat=a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    t.match((await socket.toArray()).join(''), new RegExp(`other ${home}$`), 'a connection moves to the same server')
  }
})

t.test('a second call with other options for the balancer, or with a port in use, is refused', async (t) => {
  const failure = async (env: Record<string, string>) =>
    startBalancer(t, { fixture: 'ports-app', env, options: { workers: 1 } }).catch((error: unknown) => error)
  t.match(((await failure({ FIXTURE_OTHER: '{"port":0,"workers":2}' })) as Error).message, /workers: expected 1, which/)
  const taken = net.createServer().listen(0)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as net.AddressInfo
  t.match(await failure({ FIXTURE_OTHER: JSON.stringify({ port }) }), { code: 'HOLDFAST_PORT_IN_USE' })
})

t.test('without workers, one process serves all ports, and close() ends all', async (t) => {
  const port = [await freePort(), await freePort()]
  const others = [await freePort(), await freePort()]
  const env = { FIXTURE_OTHER: JSON.stringify({ port: others }) }
  const balancer = await startBalancer(t, { fixture: 'ports-app', env, options: { port, workers: 0 } })
  for (const one of port) t.match(await request({ port: one }), { server: 'first' })
  for (const one of others) {
    await until('it listens', () =>
      dial(one).then(
        (socket) => Boolean(socket.destroy()),
        () => false,
      ),
    )
    t.match(await request({ port: one }), { server: 'other' })
  }
  await balancer.close()
  for (const one of [...port, ...others]) await t.rejects(dial(one), { code: 'ECONNREFUSED' })
  t.match(await balancer.exited, { code: 0 })
})

t.test('with the PROXY protocol the client of the header has one worker on all ports', async (t) => {
  const options = { workers: 3, proxyProtocol: { trust: ['127.0.0.1'] } }
  const { balancer, ports } = await start(t, { options })
  for (const client of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
    for (const [i, port] of ports.entries()) {
      const socket = await dial(port)
      socket.write(`PROXY TCP4 ${client} 192.0.2.9 1000 80\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      const text = (await socket.toArray()).join('')
      const { worker } = await balancer.explain(client)
      t.match(JSON.parse(text.slice(text.indexOf('\r\n\r\n'))), {
        server: i === 0 ? 'first' : 'other',
        worker,
        address: client,
      })
    }
  }
})
