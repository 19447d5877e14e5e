import { io, type Socket } from 'socket.io-client'
import t from 'tap'
import { startBalancer } from '../support/balancer.ts'
import { loopback, until } from '../support/clients.ts'
import { Polling } from '../support/polling.ts'

const binary = Buffer.from([0, 1, 127, 128, 255])

for (const [transport, env] of [
  ['descriptor-channel', {}],
  ['node-ipc', { HOLDFAST_NATIVE: '0' }],
] as const) {
  t.test(`bytes stay bytes from worker to worker and back, over ${transport}`, async (t) => {
    const options = { workers: 2 }
    const balancer = await startBalancer(t, { fixture: 'socket-io-app', options, env: { REDIS_URL: '', ...env } })
    t.match(await balancer.status(), { steering: { transport } })
    const [here, there] = await Promise.all([0, 1].map((worker) => clientOf(worker)))
    there!.on('question', (question: { data: Buffer }, answer: (data: object) => void) => {
      answer({ isBuffer: Buffer.isBuffer(question.data), back: question.data, nested: [{ date: 1 }] })
    })
    const answers = (await here!.emitWithAck('ask', { data: binary })) as unknown[]
    t.strictSame(answers, [{ isBuffer: true, back: binary, nested: [{ date: 1 }] }])

    async function clientOf(worker: number): Promise<Socket> {
      let n = 1
      while ((await balancer.explain(loopback(n))).worker !== worker) n++
      const localAddress = loopback(n)
      const socket = io(`http://127.0.0.1:${balancer.port}`, { transports: ['websocket'], localAddress } as object)
      t.teardown(() => socket.close())
      await new Promise<void>((done, fail) => socket.once('connect', done).once('connect_error', fail))
      return socket
    }
  })
}

for (const [what, env] of [
  ['sets a generateId of its own', { FIXTURE_OWN_IDS: '1' }],
  ['attaches Socket.IO to another HTTP server before', { FIXTURE_LATE_ENGINE: '1' }],
] as const) {
  t.test(`polling clients keep their worker where the application ${what}`, async (t) => {
    const options = { workers: 2, balance: 'round-robin' as const }
    const balancer = await startBalancer(t, { fixture: 'socket-io-app', options, env: { REDIS_URL: '', ...env } })
    const how = { port: balancer.port, agent: false as const }
    const clients = await Promise.all(Array.from({ length: 8 }, () => Polling.open(how)))
    t.equal(new Set(clients.map(({ pid }) => pid)).size, 2)
    for (const client of clients) {
      for (let n = 0; n < 4; n++) await client.ask('address')
      t.strictSame([...client.statuses.keys()], [200])
    }
  })
}

t.test('on a reload clients of both transports are closed one by one, and reconnect by themselves', async (t) => {
  const reload = { grace: 50, spread: 1_000, deadline: 60_000 }
  const balancer = await startBalancer(t, {
    fixture: 'socket-io-app',
    options: { workers: 1, reload },
    env: { REDIS_URL: '' },
  })
  const old = await balancer.pid(0)
  const greeted: number[] = []
  const lostAt: number[] = []
  const reasons = new Set<string>()
  for (let n = 0; n < 24; n++) {
    const transports = n % 2 === 0 ? ['websocket'] : ['polling']
    const url = `http://127.0.0.1:${balancer.port}`
    const socket = io(url, { transports, localAddress: loopback(n), reconnectionDelay: 10, forceNew: true } as object)
    t.teardown(() => socket.close())
    socket.on('hello', (pid: number) => greeted.push(pid))
    socket.on('disconnect', (reason) => {
      reasons.add(reason)
      lostAt.push(performance.now())
    })
  }
  await until('all clients are greeted', () => greeted.length === 24)
  greeted.length = 0
  const exit = balancer.event('worker:exit')
  await balancer.reload()
  t.match(await exit, { pid: old, code: 0, signal: null }, 'no connection had to be cut')
  await until('all clients are greeted again', () => greeted.length >= 24)
  const pid = await balancer.pid(0)
  t.strictSame([...new Set(greeted)], [pid])
  t.equal(lostAt.length, 24, 'each client lost its connection once')
  t.ok(Math.max(...lostAt) - Math.min(...lostAt) > reload.spread / 4, 'not all at the same time')
  t.notOk(reasons.has('io server disconnect'), 'after which a client does not reconnect')
})
