import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { io, type Socket } from 'socket.io-client'
import t, { type Test } from 'tap'
import { listen, type ListenOptions } from '../../src/compat.ts'
import { startBalancer } from '../support/balancer.ts'
import { dial, freePort, isAlive, loopback, pool, request, until, type Reply } from '../support/clients.ts'
import { startCluster } from '../support/cluster.ts'

const addresses = Array.from({ length: 60 }, (_, n) => loopback(n))

for (const native of ['1', '0']) {
  const over = native === '1' ? 'the best transport' : 'node-ipc'

  t.test(`each address has its worker, and a crash moves no client of another worker, over ${over}`, async (t) => {
    const { port, output } = await start(t, { options: { workers: 3 }, env: { HOLDFAST_NATIVE: native } })
    const first = await pidsByAddress(port)
    t.strictSame(await pidsByAddress(port), first)
    const pids = [...new Set(first.values())]
    t.equal(pids.length, 3, 'all workers are used')
    process.kill(pids[0]!, 'SIGKILL')
    await until('node:cluster reports the exit', () => output().includes(`gone ${pids[0]} null SIGKILL`))
    await until('the worker is replaced', () => output().match(/worker\.ready/g)?.length === 4)
    const after = await pidsByAddress(port)
    for (const [address, pid] of first) {
      if (pid === pids[0]) t.not(after.get(address), pid)
      else t.equal(after.get(address), pid)
    }
    t.equal(new Set(after.values()).size, 3, 'a new process has the place of the old one')
  })
}

t.test('connections of node:cluster over the same channel do no harm', async (t) => {
  const side = await freePort()
  const env = { HOLDFAST_NATIVE: '0', FIXTURE_SIDE_PORT: String(side) }
  const { port } = await start(t, { options: { workers: 2 }, env })
  const hangUp = (socket: net.Socket): boolean => !!socket.destroy()
  await until('the other server listens', () => dial(side).then(hangUp, () => false))
  const visits = (to: number) => Array.from({ length: 300 }, (_, n) => () => request({ port: to, from: loopback(n) }))
  const [replies] = await Promise.all([pool(visits(port), 16), pool(visits(side), 16)])
  t.equal(replies.length, 300)
})

t.test(
  'the workers are workers of node:cluster with its settings, and the program may fork further processes',
  async (t) => {
    const { port, output, tell } = await start(t, { options: { workers: 2 } })
    const { pid, worker, args } = await request({ port })
    t.ok([1, 2].includes(worker), 'an id of node:cluster')
    t.strictSame(args, ['from', 'setupPrimary'])
    tell('workers')
    await until('it reports the workers', () => new RegExp(`workers .*\\b${pid}\\b`).test(output()))
    tell('fork')
    await until('it runs', () => output().includes('another one runs'))
    await until('and ends', () => /gone \d+ 0 null/.test(output()))
    t.match(await request({ port }), { pid })
  },
)

t.test('when the primary is killed, its workers finish their requests and end', async (t) => {
  const { child, port, output } = await start(t, { options: { workers: 1 } })
  const slow = request({ port, path: '/slow' })
  await until('the request has arrived', () => output().includes('busy'))
  child.kill('SIGKILL')
  const { pid } = await slow
  await until('it has ended', () => !isAlive(pid))
})

for (const adapter of ['own', 'attachSocketIO']) {
  t.test(`a broadcast reaches the clients of all workers once, with ${adapter}`, async (t) => {
    const env = { FIXTURE_ADAPTER: adapter, REDIS_URL: '' }
    const { port } = await start(t, { options: { workers: 3 }, env })
    const clients = await Promise.all(addresses.slice(0, 12).map((localAddress) => connect(t, port, localAddress)))
    t.equal(new Set(clients.map(({ pid }) => pid)).size, 3, 'the clients are on all workers')
    for (const [i, text] of ['first', 'second'].entries()) {
      clients[i]!.socket.emit('say', text)
      await until('all clients have received it', () => clients.every(({ received }) => received.includes(text)))
    }
    for (const { received } of clients) t.strictSame(received, ['first', 'second'])
  })
}

t.test('the primary listens when the call returns: a connection at once is served', async (t) => {
  const { output } = await start(t, { options: { workers: 1 }, env: { FIXTURE_CONNECT: '1' } })
  await until('it is answered', () => output().includes('connected at once: '))
  t.match(output(), 'connected at once: HTTP/1.1 200 OK')
})

t.test('a port in use ends the program with an error', async (t) => {
  const taken = net.createServer().listen(0)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const env = { FIXTURE_PORT: String((taken.address() as net.AddressInfo).port) }
  const failure = await startCluster(t, { fixture: 'listen-app', env }).catch((error: unknown) => error)
  t.match((failure as Error).message, /HOLDFAST_PORT_IN_USE/)
})

t.test('a call in a worker that the program forked is refused', async (t) => {
  const env = { FIXTURE_TARGET: 'listen in a worker' }
  const failure = await startBalancer(t, { fixture: 'careless-app', env }).catch((error: unknown) => error)
  t.match((failure as Error).message, /HOLDFAST_IN_NODE_CLUSTER/)
})

t.test('an invalid call is refused with what to write instead', async (t) => {
  const server = http.createServer()
  const call = (...args: unknown[]) => listen(...(args as [net.Server, number, ListenOptions]))
  const bad: [args: unknown[], message: RegExp][] = [
    [[() => {}, 3000], /expected a server, got a function; write http\.createServer\(app\)/],
    [[server], /expected a TCP port, got undefined; write listen\(server, 3000\)/],
    [[server, '/run/app.sock'], /expected a TCP port, got '\/run\/app\.sock'; write/],
    [[server, 70_000], /listen options\.port: expected an integer from 0 to 65535, got 70000/],
    [[server, 3000, { proxy: true }], /unknown option 'proxy'; known are workers and env; write stickyListen/],
    [[server, 3000, { workers: 300 }], /listen options\.workers: expected an integer from 0 to 256, got 300/],
    [[server, 3000, { workers: 'many' }], /listen options\.workers: expected an integer from 0 to 256, got 'many'/],
    [[server, 3000, { env: { 'A=B': 1 } }], /listen options\.env: expected an object whose values are strings/],
    [[server, 3000, { env: 'A=1' }], /listen options\.env: expected an object/],
  ]
  for (const [args, message] of bad) t.throws(() => call(...args), { code: 'HOLDFAST_BAD_OPTION', message })
})

async function start(t: Test, { options, env = {} }: { options: ListenOptions; env?: Record<string, string> }) {
  const port = await freePort()
  const cluster = await startCluster(t, {
    fixture: 'listen-app',
    options,
    env: { ...env, FIXTURE_PORT: String(port) },
  })
  // The port is open earlier, but on a slow machine clients of a missing worker would reach another one.
  await until('all workers are ready', () => cluster.output().includes('balancer.ready'))
  return cluster
}

/** The pid of each address's worker. */
async function pidsByAddress(port: number): Promise<Map<string, number>> {
  const visits = addresses.map((from) => async () => [from, await request({ port, from })] as [string, Reply])
  return new Map((await pool(visits, 16)).map(([from, { pid }]) => [from, pid]))
}

async function connect(t: Test, port: number, localAddress: string) {
  const socket: Socket = io(`http://127.0.0.1:${port}`, {
    forceNew: true,
    transports: ['websocket'],
    localAddress,
  } as object)
  t.teardown(() => socket.close())
  const received: string[] = []
  socket.on('said', (text: string) => received.push(text))
  const pid = await new Promise<number>((done) => socket.once('hello', done))
  return { socket, received, pid }
}
