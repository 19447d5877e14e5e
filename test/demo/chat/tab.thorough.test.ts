import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import t from 'tap'
import type { Crew, Message, Reply, Welcome } from '../../../demo/chat/app/events.ts'
import { until } from '../../support/clients.ts'
import { isRunning, startProgram, type Program } from '../../support/program.ts'

type Options = Partial<ManagerOptions & SocketOptions>
interface Connected {
  tab: Socket
  welcome: Welcome
}

const id = (n: number) => n.toString(16).padStart(32, '0')

async function start(t: Parameters<typeof startProgram>[0], workers = 2): Promise<{ demo: Program; port: number }> {
  const demo = startProgram(t, 'demo/chat/server.js', ['--port', '0', '--workers', String(workers)])
  await demo.printed(/Ctrl-C stops it/)
  const [, port] = await demo.printed(/Open +http:\/\/127\.0\.0\.1:(\d+)/)
  return { demo, port: Number(port) }
}

function dial(
  t: { teardown(end: () => void): unknown },
  port: number,
  options: Options = {},
  host = '127.0.0.1',
): Socket {
  // Outside a browser, the client's polling knows no IPv6 address.
  const transports = host.includes(':') ? ['websocket'] : ['polling', 'websocket']
  const tab = io(`http://${host}:${port}`, { forceNew: true, reconnection: false, transports, ...options })
  t.teardown(() => tab.disconnect())
  return tab
}

async function connect(...args: Parameters<typeof dial>): Promise<Connected> {
  const tab = dial(...args)
  const welcome = await new Promise<Welcome>((done, failed) => {
    tab.once('welcome', done)
    tab.once('connect_error', failed)
  })
  return { tab, welcome }
}

function ask<T = object>(tab: Socket, event: string, ...data: unknown[]): Promise<Reply<T>> {
  return tab.timeout(5_000).emitWithAck(event, ...data) as Promise<Reply<T>>
}

t.test('messages have limits, and a refusal names the limit', async (t) => {
  const { port } = await start(t)
  const { tab } = await connect(t, port)
  t.match(await ask(tab, 'say', { id: id(1), text: 'hello' }), { ok: false, problem: 'not-in-a-room' })
  t.match(await ask(tab, 'join', { name: 'n'.repeat(25), room: 'lobby' }), { ok: false, problem: 'bad-name' })
  t.match(await ask(tab, 'join', { name: 'Ann', room: '<script>' }), { ok: false, problem: 'bad-room' })
  t.match(await ask(tab, 'join', null), { ok: false, problem: 'bad-name' })
  t.match(await ask(tab, 'join', { name: 'Ann', room: 'lobby' }), {
    ok: true,
    name: 'Ann',
    room: 'lobby',
    messages: [],
  })
  t.match(await ask(tab, 'say', { id: 'mine', text: 'hello' }), { ok: false, problem: 'bad-message' })
  t.match(await ask(tab, 'say', { id: id(1), text: 'x'.repeat(501) }), { ok: false, reason: /longer than 500/ })
  // A tab that sends no function for the answer does no harm.
  tab.emit('say', 'nonsense', 'no function')
  tab.emit('join')
  t.match(await ask(tab, 'say', { id: id(1), text: 'still here' }), { ok: true, message: { text: 'still here' } })
})

t.test('messages after a burst are refused with the time to wait', async (t) => {
  const { port } = await start(t)
  const { tab } = await connect(t, port)
  await ask(tab, 'join', { name: 'Ann', room: 'lobby' })
  const replies = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(tab, 'say', { id: id(n), text: 'quick' })))
  const refused = replies.filter((reply) => !reply.ok)
  t.ok(refused.length > 0)
  for (const reply of refused) t.match(reply, { problem: 'too-fast', retryAfter: Number })
})

t.test('a message that is sent twice appears once, on every worker', async (t) => {
  const { port } = await start(t)
  const { tab, welcome } = await connect(t, port)
  const { tab: other, welcome: elsewhere } = await connect(t, port, {}, '[::1]')
  t.not(welcome.worker.id, elsewhere.worker.id)
  const received: Message[] = []
  other.on('message', (message: Message) => received.push(message))
  await ask(other, 'join', { name: 'Bob', room: 'lobby' })
  await ask(tab, 'join', { name: 'Ann', room: 'lobby' })
  t.match(await ask(tab, 'say', { id: id(1), text: 'once' }), { ok: true })
  t.match(await ask(tab, 'say', { id: id(1), text: 'once' }), { ok: true })
  t.match(await ask(tab, 'say', { id: id(2), text: 'last' }), { ok: true })
  await until('the last message is received', () => received.some(({ text }) => text === 'last'))
  t.strictSame(
    received.map(({ text }) => text),
    ['once', 'last'],
  )
})

t.test('a restarted worker gets the history from the other workers', async (t) => {
  const { demo, port } = await start(t)
  const { tab, welcome } = await connect(t, port)
  await ask(tab, 'join', { name: 'Ann', room: 'lobby' })
  await ask(tab, 'say', { id: id(1), text: 'before' })
  await crewOf(tab, ({ workers }) => workers.length === 2)
  tab.emit('kill-worker', () => {})
  await demo.printed(new RegExp(`Worker ${welcome.worker.id} is back`))
  const { tab: again, welcome: after } = await connect(t, port)
  t.equal(after.worker.id, welcome.worker.id)
  t.not(after.worker.pid, welcome.worker.pid)
  await until('it knows', async () => {
    const reply = await ask<{ messages: Message[] }>(again, 'join', { name: 'Ann', room: 'lobby' })
    return reply.ok && reply.messages.some(({ text }) => text === 'before')
  })
})

t.test('only a browser on this machine may kill a worker', async (t) => {
  const { port } = await start(t)
  const refusals = [
    // Through a proxy on this machine, and through another name of this machine.
    await connect(t, port, { extraHeaders: { 'X-Forwarded-For': '192.0.2.1' } }),
    await connect(t, port, { transports: ['websocket'], extraHeaders: { Host: 'holdfast.example' } }),
  ]
  for (const { tab, welcome } of refusals) {
    t.equal(welcome.mayKill, false)
    t.match(await ask(tab, 'kill-worker'), { ok: false, problem: 'not-allowed' })
    t.ok(isRunning(welcome.worker.pid))
  }
  const { welcome } = await connect(t, port)
  t.equal(welcome.mayKill, true)
})

t.test('a page of another origin gets no connection', async (t) => {
  const { port } = await start(t)
  for (const transport of ['polling', 'websocket']) {
    const tab = dial(t, port, { transports: [transport], extraHeaders: { Origin: 'http://evil.example' } })
    const refused = await new Promise((done) => {
      tab.once('connect_error', () => done(true))
      tab.once('connect', () => done(false))
    })
    t.equal(refused, true, transport)
  }
})

t.test('loopback makes two clients, over each of its addresses', async (t) => {
  const { port } = await start(t)
  for (const host of ['127.0.0.1', '127.0.0.2', '127.9.9.9']) {
    const { welcome } = await connect(t, port, {}, host)
    t.equal(welcome.address, '127.0.0.1', `to ${host} the system connects from 127.0.0.1`)
    t.ok(welcome.otherHosts.includes('[::1]'))
  }
  const { welcome } = await connect(t, port, {}, '[::1]')
  t.equal(welcome.address, '::1')
  t.ok(welcome.otherHosts.includes('127.0.0.1'))
})

t.test('one Ctrl-C ends the demo within two seconds, also with open tabs', async (t) => {
  const { demo, port } = await start(t)
  const polling = await connect(t, port, { transports: ['polling'] })
  const websocket = await connect(t, port, { transports: ['websocket'] }, '[::1]')
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const idle = get({ port, host: '127.0.0.1', agent })
  const [response] = (await once(idle, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')

  const reasons = [polling, websocket].map(({ tab }) => new Promise((done) => tab.once('disconnect', done)))
  const asked = performance.now()
  demo.child.kill('SIGINT')
  t.strictSame(await demo.exited, { code: 0, signal: null })
  t.ok(performance.now() - asked < 2_000)
  // With any other reason the tabs would not reconnect by themselves.
  for (const reason of await Promise.all(reasons)) t.match(reason, /^transport (close|error)$/)
  t.equal(demo.stderr(), '')
})

for (const workers of [2, 3, 4, 8]) {
  t.test(`with ${workers} workers the two loopback addresses have different ones`, async (t) => {
    const { demo } = await start(t, workers)
    const [, one, other] = await demo.printed(/served by worker (\d+)\n.*served by worker (\d+)/)
    t.not(one, other)
  })
}

/** The first state of the workers for which `fits` is true. */
function crewOf(tab: Socket, fits: (crew: Crew) => boolean): Promise<Crew> {
  return new Promise((done) => {
    tab.on('crew', (crew: Crew) => fits(crew) && done(crew))
  })
}
