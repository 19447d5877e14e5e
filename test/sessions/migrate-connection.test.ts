// A kept-alive connection with requests of one session moves to the worker that has the session.
import { once } from 'node:events'
import http from 'node:http'
import t from 'tap'
import { away } from '../support/away.ts'
import { startBalancer } from '../support/balancer.ts'
import { dial, loopback, request, until, type Reply } from '../support/clients.ts'
import { client, EMPTY_TEXT, followed, get, moved, plainly, readPids, upgrade, ways } from '../support/kept-alive.ts'

for (const [name, options, native] of ways) {
  t.test(`a connection moves to the worker of its session at the second request, with ${name}`, async (t) => {
    const there = await away(t, { options, env: { HOLDFAST_NATIVE: native } })
    const { ask, ports } = client(t, there)
    t.match(await ask(), { pid: there.owner, address: new RegExp(`${there.from}$`) })
    t.equal(await moved(there), 0, 'one request may be all there is')
    for (let n = 0; n < 5; n++) {
      t.match(await ask(), { pid: there.owner, address: new RegExp(`${there.from}$`) })
      const body = Buffer.alloc(100_000, n)
      t.match(await ask({ path: '/hash', method: 'POST', body }), { pid: there.owner, bytes: body.length })
    }
    t.equal(await moved(there), 1)
    t.equal(ports.size, 1, 'the client still has the same connection')
  })
}

t.test(
  'a connection does not move with a request that has a body, and moves with the next that has none',
  async (t) => {
    const there = await away(t)
    const { ask } = client(t, there)
    const body = Buffer.alloc(1_000)
    for (let n = 0; n < 3; n++) t.match(await ask({ path: '/hash', method: 'POST', body }), { bytes: body.length })
    t.match(await ask({ path: '/hash', method: 'PUT', headers: { 'transfer-encoding': 'chunked' } }), { bytes: 0 })
    t.equal(await moved(there), 0)
    t.match(await ask(), { pid: there.owner })
    t.equal(await moved(there), 1)
  },
)

t.test('a connection that several sessions share stays, and a connection moves only once', async (t) => {
  const there = await away(t, { options: { workers: 3 } })
  const { ask } = client(t, there)
  const sessions = new Map<string, number>()
  for (let n = 0; sessions.size < 6; n++) {
    const { pid } = await request({ port: there.port, headers: { 'x-user': `v${n}` } })
    if ([...sessions.values()].filter((other) => other === pid).length < 2) sessions.set(`v${n}`, pid)
  }
  for (let round = 0; round < 3; round++) {
    for (const [user, pid] of sessions) t.equal((await ask({ headers: { 'x-user': user } })).pid, pid, user)
  }
  const before = await moved(there)
  t.ok(before <= 1, `${before} moved`)
  const other = client(t, there)
  for (let n = 0; n < 3; n++) await other.ask()
  t.equal(await moved(there), before + 1)
  for (let round = 0; round < 3; round++) {
    for (const [user, pid] of sessions) t.equal((await other.ask({ headers: { 'x-user': user } })).pid, pid, user)
  }
  t.equal(await moved(there), before + 1)
})

t.test('requests that were sent at once are answered in their order, also where the connection moves', async (t) => {
  const there = await away(t)
  const home = await request({ port: there.port, from: there.from })
  let user = 0
  while ((await request({ port: there.port, headers: { 'x-user': `v${user}` } })).pid !== home.pid) user++
  const socket = await dial(there.port, there.from)
  t.teardown(() => socket.destroy())
  const pids = readPids(socket)
  socket.write(get('u1'))
  await until('the first answer', () => pids.length === 1)
  // The second request moves the connection. A whole request and one in two parts follow it.
  const last = get(`v${user}`)
  socket.write(get('u1') + get(`v${user}`) + get('u1') + last.slice(0, 20))
  await until('three more answers', () => pids.length === 4)
  socket.write(last.slice(20))
  await until('all answers', () => pids.length === 5)
  t.strictSame(pids, [there.owner, there.owner, home.pid, there.owner, home.pid])
  t.equal(await moved(there), 1)
})

t.test('a connection stays where more bytes follow a request than can travel with it', async (t) => {
  const there = await away(t)
  const socket = await dial(there.port, there.from)
  t.teardown(() => socket.destroy())
  const pids = readPids(socket)
  socket.write(get('u1'))
  await until('the first answer', () => pids.length === 1)
  socket.cork()
  for (let n = 0; n < 60; n++) socket.write(get('u1', `x-fill: ${'x'.repeat(5_000)}\r\n`))
  socket.uncork()
  await until('all answers', () => pids.length === 61)
  t.ok(pids.every((pid) => pid === there.owner))
})

t.test('a connection stays where Node drops headers of the request, and the body is not lost', async (t) => {
  const there = await away(t)
  const socket = await dial(there.port, there.from)
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('error', () => {}).on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  const answers = () => text.match(/HTTP\/1\.1 \d+/g)?.length ?? 0
  socket.write(get('u1'))
  await until('the first answer', () => answers() === 1)
  // The last header says how long the body is.
  const body = get('u1', '')
  const headers = `${Array.from({ length: 1_100 }, (_, n) => `h${n}: \r\n`).join('')}Content-Length: ${body.length}\r\n`
  socket.write(get('u1', headers).replace('GET /', 'POST /hash') + body)
  await until('its answer', () => answers() === 2)
  // Newer versions of Node refuse the request.
  t.match(text, new RegExp(`"bytes":${body.length},|HTTP/1\\.1 431`))
  socket.write(get('u1'))
  await until('one more, or the end', () => answers() === 3 || socket.destroyed)
  t.ok(answers() <= 3, 'the body is not taken for a request')
})

t.test('a request with `Connection: close` is forwarded, and its connection closes', async (t) => {
  const there = await away(t)
  const socket = await dial(there.port, there.from)
  const pids = readPids(socket)
  socket.write(get('u1'))
  await until('the first answer', () => pids.length === 1)
  socket.write(get('u1', 'Connection: close\r\n'))
  await once(socket, 'close')
  t.strictSame(pids, [there.owner, there.owner])
  t.equal(await moved(there), 0)
})

t.test('a connection that has moved can become a WebSocket of a third worker', async (t) => {
  const there = await away(t, { kind: 'ws', options: { workers: 3 } })
  let user = 0
  let other: Reply
  do other = await request({ port: there.port, headers: { 'x-user': `v${++user}` } })
  while (other.pid === there.owner)
  const { socket, pids } = await followed(t, there)
  t.equal(await moved(there), 1)
  socket.write(upgrade(`v${user}`))
  await until('it is one', async () => (await moved(there)) === 2)
  socket.write(EMPTY_TEXT)
  await until('its answer', () => pids.length === 4)
  t.equal(pids[3], other.pid)
})

t.test('a request of no session is served where its address leads, also after its connection has moved', async (t) => {
  const there = await away(t, { kind: 'ws' })
  const home = await request({ port: there.port, from: there.from })
  const { ask } = client(t, there)
  for (let n = 0; n < 3; n++) t.match(await ask(), { pid: there.owner })
  t.equal(await moved(there), 1)
  for (let n = 0; n < 3; n++) t.match(await ask({ headers: { 'x-user': '' } }), { pid: home.pid })
  t.match(await ask(), { pid: there.owner }, 'the session stays where it was')

  const { socket, pids } = await followed(t, there)
  socket.write(upgrade(''))
  await until('the connection has moved back', async () => (await moved(there)) === 3)
  socket.write(EMPTY_TEXT)
  await until('its answer', () => pids.length === 4)
  t.equal(pids[3], home.pid, 'also a WebSocket')
})

t.test(
  'a client without an affinity cookie gets one for the worker of its address, also on a moved connection',
  async (t) => {
    const balancer = await startBalancer(t, { options: { workers: 2, session: { cookie: 'seat' } } })
    const { port } = balancer
    const first = await plainly({ port, host: '127.0.0.1', localAddress: loopback(1), agent: false })
    const { worker } = JSON.parse(first.text) as Reply
    const cookie = first.cookie!.split(';')[0]!
    let n = 1
    while ((await balancer.explain(loopback(n))).worker === worker) n++
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => agent.destroy())
    const visit = (headers: http.OutgoingHttpHeaders) =>
      plainly({ port, host: '127.0.0.1', localAddress: loopback(n), agent, headers })
    for (let round = 0; round < 3; round++) t.match(JSON.parse((await visit({ cookie })).text), { worker })
    t.match((await balancer.status()).connections, { moved: 1 })
    const fresh = await visit({})
    t.match(JSON.parse(fresh.text), { worker: 1 - worker })
    t.match(fresh.cookie, /^seat=/)
    t.match(JSON.parse((await visit({ cookie: fresh.cookie!.split(';')[0] })).text), { worker: 1 - worker })
  },
)
