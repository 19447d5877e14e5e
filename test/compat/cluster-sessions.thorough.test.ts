// Sessions in the application's own cluster: requests and WebSockets reach the worker that has their session.
import http from 'node:http'
import { io, type Socket } from 'socket.io-client'
import t, { type Test } from 'tap'
import { dial, loopback, request, until } from '../support/clients.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { Polling } from '../support/polling.ts'

for (const serialization of ['advanced', 'json']) {
  const env = { FIXTURE_SERIALIZATION: serialization }

  t.test(`sessions that poll on shared connections never get a status 400, over ${serialization}`, async (t) => {
    const cluster = await startCluster(t, { options: { loadBalancingMethod: 'round-robin' }, env })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
    t.teardown(() => agent.destroy())
    await converse(t, cluster, agent, 40)
  })
}

t.test('sessions that poll with a new connection for each request never get a status 400', async (t) => {
  await converse(t, await startCluster(t, { options: { loadBalancingMethod: 'round-robin' } }), false, 40)
})

t.test('WebSockets reach the worker of the session that they upgrade', async (t) => {
  const { port } = await startCluster(t, { options: { loadBalancingMethod: 'round-robin' } })
  const clients = await Promise.all(
    Array.from({ length: 30 }, (_, n) => connect(t, port, { localAddress: loopback(n) })),
  )
  await until('all are upgraded', () => clients.every(({ socket }) => socket.io.engine.transport.name === 'websocket'))
  for (const { socket, pid } of clients) t.strictSame(await echo(socket, 'over it'), ['over it', pid])
  t.ok(new Set(clients.map(({ pid }) => pid)).size === 3, 'on all workers')
  t.notOk(clients.some(({ failures }) => failures.length > 0))
})

t.test('with TLS, which ends in the workers, sessions work as well', async (t) => {
  const { port } = await startCluster(t, {
    options: { loadBalancingMethod: 'round-robin' },
    env: { FIXTURE_KIND: 'https' },
  })
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => connect(t, port, { rejectUnauthorized: false }, 'https')),
  )
  await until('all are upgraded', () => clients.every(({ socket }) => socket.io.engine.transport.name === 'websocket'))
  for (const { socket, pid } of clients) t.strictSame(await echo(socket, 'in secret'), ['in secret', pid])
})

t.test("a broadcast through the cluster adapter's own set-up reaches every client once", async (t) => {
  const { port } = await startCluster(t, { options: { loadBalancingMethod: 'round-robin' } })
  const clients = await Promise.all(Array.from({ length: 6 }, () => connect(t, port)))
  const received = clients.map(({ socket }) => {
    const texts: string[] = []
    socket.on('said', (text: string) => texts.push(text))
    return texts
  })
  clients[0]!.socket.emit('say', 'first')
  await until('all have received it', () => received.every((texts) => texts.includes('first')))
  clients[1]!.socket.emit('say', 'second')
  await until('all have received it', () => received.every((texts) => texts.includes('second')))
  for (const texts of received) t.strictSame(texts, ['first', 'second'])
})

t.test('when a worker is killed, only its own sessions are lost', async (t) => {
  const cluster = await startCluster(t, { options: { loadBalancingMethod: 'round-robin' } })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  t.teardown(() => agent.destroy())
  const { port } = cluster
  const clients = await Promise.all(
    Array.from({ length: 24 }, (_, n) => Polling.open({ port, agent: n % 2 === 0 && agent })),
  )
  const [victim] = cluster.joined()
  const state = { done: false }
  const talks = clients.map(async (client) => {
    const errors: string[] = []
    while (!state.done) await client.ask('echo', 'on').catch((error: Error) => errors.push(error.message))
    return { client, errors }
  })
  process.kill(victim!, 'SIGKILL')
  await until('it is gone', () => cluster.output().includes(`gone ${victim}`))
  await cluster.untilJoined(3)
  state.done = true
  for (const { client, errors } of await Promise.all(talks)) {
    if (client.pid === victim) {
      t.ok(errors.length > 0, 'its session is over')
      continue
    }
    // Requests on the killed worker's connections are lost, but their sessions are not.
    const others = errors.filter((message) => !/ECONNRESET|socket hang up|EPIPE/.test(message))
    t.strictSame(others, [])
    t.notOk(client.statuses.has(400))
    t.strictSame(await client.ask('echo', 'still here'), ['still here', client.pid])
  }
})

t.test('a session is reached for as long as its process lives, also after disconnect()', async (t) => {
  const cluster = await startCluster(t, { workers: 2, options: { loadBalancingMethod: 'round-robin' } })
  const { port } = cluster
  const clients = await Promise.all([0, 1].map(() => Polling.open({ port, agent: false })))
  const leaver = clients[0]!
  t.not(leaver.pid, clients[1]!.pid)
  // The open connections keep the process running.
  const kept = await Promise.all([0, 1].map(() => dial(port)))
  await until('both workers have one', async () => (await request({ port, path: '/connections' }))['count'] === 2)
  cluster.tell('fork')
  await cluster.untilJoined(3)
  cluster.tell('disconnect', leaver.pid)
  await until('the primary knows', () => !cluster.joined().includes(leaver.pid))
  // The new worker has sent nothing to that process before.
  for (let n = 0; n < 5; n++) t.strictSame(await leaver.ask('echo', n), [n, leaver.pid])
  t.strictSame([...leaver.statuses.keys()], [200])
  for (const socket of kept) socket.destroy()
})

/** Runs clients at the same time, each with its own session. */
async function converse(t: Test, { port }: Cluster, agent: http.Agent | false, count: number): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: count }, (_, n) => Polling.open({ port, agent, ...(agent ? {} : { from: loopback(n) }) })),
  )
  t.equal(new Set(clients.map(({ pid }) => pid)).size, 3, 'the sessions are on all workers')
  await Promise.all(
    clients.map(async (client, n) => {
      for (let i = 0; i < 10; i++) {
        const text = `${n}: ${i}`
        const answer = await client.ask('echo', text)
        if (answer[0] !== text || answer[1] !== client.pid) throw new Error(`${text}: got ${answer.join()}`)
      }
    }),
  )
  const statuses = clients.flatMap((client) => [...client.statuses.keys()])
  t.strictSame([...new Set(statuses)], [200])
}

interface Client {
  socket: Socket
  pid: number
  /** The failures, and how often the client was disconnected. */
  failures: string[]
}

async function connect(t: Test, port: number, options: object = {}, scheme = 'http'): Promise<Client> {
  const socket = io(`${scheme}://127.0.0.1:${port}`, { forceNew: true, ...options })
  t.teardown(() => socket.close())
  const failures: string[] = []
  socket.on('connect_error', ({ message }) => failures.push(message))
  socket.on('disconnect', (reason) => failures.push(reason))
  const pid = await new Promise<number>((done) => socket.once('hello', done))
  return { socket, pid, failures }
}

async function echo(socket: Socket, text: string): Promise<unknown[]> {
  return new Promise((done) => socket.emit('echo', text, (...answer: unknown[]) => done(answer)))
}
