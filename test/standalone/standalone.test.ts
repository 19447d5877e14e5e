import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { io, type Socket } from 'socket.io-client'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { stickyListen } from '../../src/index.ts'
import { startBalancer, type Balancer } from '../support/balancer.ts'
import { loopback, request, until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { descendants } from '../support/program.ts'
import { startRedis } from '../support/redis.ts'
import { upload } from '../support/upload.ts'

const options = { workers: 0 }

t.test('the program itself serves, as worker 0 of 1', async (t) => {
  const balancer = await startBalancer(t, { kind: 'ws', options })
  const { child, port } = balancer
  t.match(await request({ port }), { worker: 0, restarts: 0, pid: child.pid })
  t.match(balancer.address, { address: '::', family: 'IPv6', port })
  t.match(await request({ port, path: '/server' }), { listening: true, bound: balancer.address })
  t.strictSame(descendants(child.pid!), [], 'no process was forked')

  await t.test('signals that change workers log that there are none', async (t) => {
    const signals = ['SIGHUP', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const
    for (const signal of signals) child.kill(signal)
    const warnings = () => balancer.output().match(/warning standalone\.no-workers/g)?.length
    await until('each is answered', () => warnings() === signals.length)
    t.match(await request({ port }), { pid: child.pid })
  })

  await t.test('close() answers the requests in service, and then the process ends by itself', async (t) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    const closed = once(socket, 'close')
    await once(socket, 'open')
    const served = await upload(port)
    const drain = balancer.event('drain')
    const leave = balancer.event('leave')
    const closing = balancer.close({ deadline: 10_000 })
    t.match(await drain, { deadline: 10_000, code: 1001 })
    t.equal((await closed)[0], 1001)
    t.match(await served.finish(), { bytes: 8 })
    await leave
    await closing
    t.strictSame(await balancer.exited, { code: 0, signal: null })
  })
})

t.test('WEB_CONCURRENCY=0 means `workers: 0`, and SIGTERM ends the process with code 0', async (t) => {
  const balancer = await startBalancer(t, { kind: 'https', env: { WEB_CONCURRENCY: '0' } })
  t.strictSame(descendants(balancer.child.pid!), [])
  balancer.child.kill('SIGTERM')
  t.strictSame(await balancer.exited, { code: 0, signal: null })
  t.match(balancer.output(), /standalone\.closed clean=true/)
})

t.test('a second signal ends the process at once, with code 1', async (t) => {
  const balancer = await startBalancer(t, { options })
  const { answer } = await upload(balancer.port)
  await until('it has ended', () => !balancer.child.kill('SIGINT'))
  t.strictSame(await balancer.exited, { code: 1, signal: null })
  await t.rejects(answer, { code: 'ECONNRESET' })
})

t.test('requests that are not answered by the deadline are cut, with code 1 after a signal', async (t) => {
  const closed = await startBalancer(t, { options })
  const one = await upload(closed.port)
  await closed.close({ deadline: 50 })
  await t.rejects(one.answer, { code: 'ECONNRESET' })
  t.strictSame(await closed.exited, { code: 0, signal: null }, 'after close() the application decides about the code')

  const ended = await startBalancer(t, { options: { ...options, shutdown: { deadline: 50 } } })
  const two = await upload(ended.port)
  ended.child.kill('SIGTERM')
  await t.rejects(two.answer, { code: 'ECONNRESET' })
  t.strictSame(await ended.exited, { code: 1, signal: null })
})

t.test('a port in use rejects `ready` with HOLDFAST_PORT_IN_USE', async (t) => {
  const taken = net.createServer().listen(0)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as net.AddressInfo
  const failure = await startBalancer(t, { options: { ...options, port } }).catch((error: unknown) => error)
  t.match(failure, { code: 'HOLDFAST_PORT_IN_USE', message: new RegExp(`port ${port}`) })
  t.match(await (failure as Balancer).exited, { code: 1 })
})

t.test('a process that is closed while it starts does not listen', async (t) => {
  for (const moment of ['at once', 'while it begins to listen']) {
    const server = http.createServer()
    const sticky = stickyListen(() => server, { ...options, port: 0, logger: false })
    if (moment !== 'at once') await once(server, 'listening')
    const rejected = t.rejects(sticky.ready, { code: 'HOLDFAST_CLOSED' }, moment)
    await sticky.close()
    await rejected
    t.equal(server.listening, false)
  }
})

t.test('an Express application runs unchanged', async (t) => {
  const { port } = await startBalancer(t, { fixture: 'express-app', options })
  for (const visits of [1, 2]) t.match(await request({ port, from: loopback(visits), path: '/visits' }), { visits })
})

t.test('Socket.IO works without other processes', async (t) => {
  const balancer = await startBalancer(t, { fixture: 'socket-io-app', options, env: { REDIS_URL: '' } })
  const [here, there] = [await client(t, balancer), await client(t, balancer)]
  there.on('question', (question: string, answer: (text: string) => void) => answer(`${question}!`))
  t.strictSame(await here.emitWithAck('ask', 'ready'), ['ready!'])
  t.match(balancer.output(), /backplane\.chosen kind=none reason="there is only this process"/)
  t.match(await request(balancer), { nodes: 1, sockets: 2, others: [] })
  t.notMatch(balancer.output(), /does not support/)
  const lost = once(here as never, 'disconnect')
  balancer.child.kill('SIGTERM')
  t.strictSame((await lost)[0], 'transport close', 'the client is told to connect again')
  t.strictSame(await balancer.exited, { code: 0, signal: null })
})

t.test('Socket.IO reaches other hosts through Redis', { skip: missing('redis-server') }, async (t) => {
  const redis = await startRedis(t)
  const start = () => startBalancer(t, { fixture: 'socket-io-app', options, env: { REDIS_URL: redis.url } })
  const hosts = [await start(), await start()]
  await until('the hosts know each other', async () => (await request({ port: hosts[0]!.port }))['nodes'] === 2)
  const [here, there] = [await client(t, hosts[0]!), await client(t, hosts[1]!)]
  there.on('question', (question: string, answer: (text: string) => void) => answer(`${question}!`))
  t.strictSame(await here.emitWithAck('ask', 'ready'), ['ready!'])
  for (const { child, exited, output } of hosts) {
    t.match(output(), /backplane\.chosen kind=redis/)
    child.kill('SIGTERM')
    t.strictSame(await exited, { code: 0, signal: null })
    t.notMatch(output(), /redis\.down|rror/)
  }
})

async function client(t: Test, { port }: Balancer): Promise<Socket> {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false })
  t.teardown(() => socket.close())
  await new Promise<void>((done, fail) => socket.once('connect', done).once('connect_error', fail))
  return socket
}
