import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { WebSocket } from 'ws'
import type { StickyOptions } from '../../../src/index.ts'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { dial, loopback, request, until, type Reply } from '../../support/clients.ts'

const ways: [name: string, options: StickyOptions, native: string][] = [
  ['hand-off over the best transport', { steering: 'handoff' }, '1'],
  ['hand-off over node-ipc', { steering: 'handoff' }, '0'],
  ['kernel steering', { steering: 'kernel' }, '1'],
]

for (const [name, options, native] of ways) {
  const env = { HOLDFAST_NATIVE: native }

  t.test(`a client with an affinity cookie reaches its worker from any address, with ${name}`, async (t) => {
    const balancer = await startBalancer(t, { options: { ...options, workers: 3, session: { cookie: 'seat' } }, env })
    const { port } = balancer
    const first = await visit(port, loopback(1))
    t.match(first.cookie, /^seat=[\w-]{6}; Path=\/; HttpOnly; SameSite=Lax$/)
    const cookie = first.cookie!.split(';')[0]!
    const workers = new Set<number>()
    for (let n = 1; n <= 30; n++) {
      const from = loopback(n)
      workers.add((await balancer.explain(from)).worker)
      const again = await visit(port, from, { cookie })
      t.match(again.reply, { pid: first.reply.pid, worker: first.reply.worker, address: new RegExp(`${from}$`) })
      t.equal(again.cookie, undefined, 'set once')
    }
    t.equal(workers.size, 3, 'the addresses belong to all workers')
  })

  t.test(`an upgrade is transferred to the worker of its session, with ${name}`, async (t) => {
    const balancer = await startBalancer(t, {
      kind: 'ws',
      options: { ...options, workers: 2, session: { header: 'X-User' } },
      env,
    })
    const { pid } = await request({ port: balancer.port, headers: { 'x-user': 'u1' } })
    for (let n = 1; n <= 12; n++) {
      const socket = new WebSocket(`ws://127.0.0.1:${balancer.port}`, {
        localAddress: loopback(n),
        headers: { 'x-user': 'u1' },
      })
      await once(socket, 'open')
      socket.send('who?')
      const [answer] = (await once(socket, 'message')) as [Buffer]
      t.match(JSON.parse(answer.toString()), { pid, address: new RegExp(`${loopback(n)}$`) })
      socket.close()
      await once(socket, 'close')
    }
    const { moved } = (await balancer.status()).connections
    t.ok(moved > 0 && moved < 12, `${moved} of 12 came in at the other worker`)
  })
}

t.test('requests with one key go to the worker that the key hashes to', async (t) => {
  const session = [{ header: 'x-user' }, { cookie: 'uid', set: false }]
  const balancer = await startBalancer(t, { options: { workers: 4, session } })
  const users = Array.from({ length: 20 }, (_, n) => `user ${n}`)
  // At the start each worker learns of the slots at a moment of its own.
  await until('the workers agree', async () => {
    const asked = users.map(async (user) => {
      const asking = users.map((_, n) =>
        request({ port: balancer.port, from: loopback(n), headers: { 'x-user': user } }),
      )
      return new Set((await Promise.all(asking)).map(({ pid }) => pid)).size === 1
    })
    return (await Promise.all(asked)).every((agree) => agree)
  })
  const owners = new Map<string, number>()
  for (let n = 0; n < 60; n++) {
    const user = users[n % users.length]!
    const headers = n % 2 === 0 ? { 'x-user': user } : { cookie: `a=b; uid=${user}; c=d` }
    const { pid } = await request({ port: balancer.port, from: loopback(n), headers })
    t.equal(pid, owners.get(user) ?? pid, user)
    owners.set(user, pid)
  }
  t.equal(new Set(owners.values()).size, 4, 'all workers have some')
  const plain = await request({ port: balancer.port, from: loopback(7) })
  t.equal(plain.worker, (await balancer.explain(loopback(7))).worker, 'without a key the address decides')
})

t.test('a request waits for a worker that is restarted, as a connection does', async (t) => {
  const balancer = await startBalancer(t, { kind: 'ws', options: { workers: 2, session: { header: 'x-user' } } })
  const { port } = balancer
  const headers = { 'x-user': 'u1' }
  const { worker, pid } = await request({ port, headers })
  const from = await addressOf(balancer, 1 - worker)
  const gone = balancer.event('worker:exit')
  process.kill(pid, 'SIGKILL')
  await gone
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { localAddress: from, headers })
  const opened = once(socket, 'open')
  const other = await dial(port, from)
  // While the upgrade waits, only Holdfast listens for errors of the socket.
  other.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-User: u1\r\n\r\n`)
  other.resetAndDestroy()
  const replies = await Promise.all([
    request({ port, from, headers }),
    request({ port, from, headers, method: 'POST' }),
  ])
  for (const reply of replies) t.match(reply, { worker, restarts: 1 })
  await opened
  socket.send('who?')
  const [answer] = (await once(socket, 'message')) as [Buffer]
  t.match(JSON.parse(answer.toString()), { worker, restarts: 1 })
  socket.close()
  t.strictSame(
    (await balancer.status()).workers.map(({ restarts }) => restarts),
    [Number(worker === 0), Number(worker === 1)],
    'the client that reset its connection has ended no worker',
  )
})

t.test('a request is served elsewhere where its worker is not back after limits.holdTimeout', async (t) => {
  const balancer = await startBalancer(t, {
    options: { workers: 2, session: { header: 'x-user' }, limits: { holdTimeout: 300 }, restart: { minDelay: 30_000 } },
  })
  const { port } = balancer
  const headers = { 'x-user': 'u1' }
  const { worker, pid } = await request({ port, headers })
  const from = await addressOf(balancer, 1 - worker)
  const gone = balancer.event('worker:exit')
  process.kill(pid, 'SIGKILL')
  await gone
  t.equal((await request({ port, from, headers })).worker, 1 - worker)
})

t.test('a rule can return the id of a worker; an id that no worker has means no session', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 3 }, env: { FIXTURE_SESSION: 'worker' } })
  for (const worker of [0, 1, 2]) {
    for (let n = 1; n <= 8; n++) {
      const reply = await request({ port: balancer.port, from: loopback(n), path: `/?worker=${worker}` })
      t.equal(reply.worker, worker)
    }
  }
  for (const worker of [3, -1, 1.5, Number.NaN]) {
    const reply = await request({ port: balancer.port, from: loopback(7), path: `/?worker=${worker}` })
    t.equal(reply.worker, (await balancer.explain(loopback(7))).worker)
  }
})

t.test(
  'after the process of a session has ended, another worker serves the client and sets a new cookie',
  async (t) => {
    const balancer = await startBalancer(t, { options: { workers: 2, session: { cookie: 'seat' } } })
    const { port } = balancer
    const first = await visit(port, loopback(1))
    const cookie = first.cookie!.split(';')[0]!
    const other = await addressOf(balancer, 1 - first.reply.worker)
    const back = balancer.event('worker:ready')
    process.kill(first.reply.pid, 'SIGKILL')
    await back
    const next = await visit(port, other, { cookie })
    t.equal(next.reply.worker, 1 - first.reply.worker, 'the worker of the address')
    t.match(next.cookie, /^seat=/)
    t.not(next.cookie!.split(';')[0], cookie)
  },
)

t.test(
  'a request gets 502 with a code where its worker ends, and is not sent twice even if it only reads',
  async (t) => {
    const balancer = await startBalancer(t, { options: { workers: 2, session: { header: 'x-user' } } })
    const { port } = balancer
    const headers = { 'x-user': 'u1' }
    const { worker } = await request({ port, headers })
    const from = await addressOf(balancer, 1 - worker)
    let deaths = 0
    for (const method of ['GET', 'POST']) {
      const sending = http.request({ port, localAddress: from, host: '127.0.0.1', path: '/exit?ms=0', method, headers })
      sending.end()
      const [response] = (await once(sending, 'response')) as [IncomingMessage]
      t.equal(response.statusCode, 502)
      t.match((await response.toArray()).join(''), /^HOLDFAST_OWNER_GONE/)
      deaths++
      await until('it is back', async () => {
        const { state, restarts } = (await balancer.status()).workers[worker]!
        return state === 'ready' && restarts === deaths
      })
    }
    t.match(balancer.output(), /forward\.failed/)
    const exits = (await balancer.status()).workers.map(({ restarts }) => restarts)
    t.equal(exits[worker], 2, 'each request was sent once')
    t.equal(exits[1 - worker], 0)
  },
)

t.test(
  'only this user has access to the peer sockets, and they are removed at the end, after a crash too',
  async (t) => {
    const own = mkdtempSync(join(tmpdir(), 'hf-'))
    const env = { TMPDIR: own }
    t.teardown(() => rmSync(own, { recursive: true, force: true }))
    const folders = () => readdirSync(own)
    const before = folders()
    const balancer = await startBalancer(t, { options: { workers: 2, session: { cookie: 'seat' } }, env })
    const [folder] = folders().filter((name) => !before.includes(name))
    const path = join(own, folder!)
    t.equal(statSync(path).mode & 0o777, 0o700)
    t.equal(readdirSync(path).length, 2)
    const back = balancer.event('worker:ready')
    process.kill(await balancer.pid(0), 'SIGKILL')
    await back
    await balancer.close()
    t.equal(existsSync(path), false)

    const crashed = await startBalancer(t, { options: { workers: 2, session: { cookie: 'seat' } }, env })
    const [other] = folders().filter((name) => !before.includes(name))
    crashed.child.kill('SIGKILL')
    await until('the workers have left', () => !existsSync(join(own, other!)))
  },
)

t.test('a session rule for a server that does not speak HTTP is refused', async (t) => {
  const options = { workers: 1, session: { cookie: 'seat' }, restart: { maxStartCrashes: 1 } }
  await t.rejects(startBalancer(t, { kind: 'net', options }), {
    message: /the session option needs a server that speaks HTTP/,
  })
})

async function visit(port: number, from: string, headers: http.OutgoingHttpHeaders = {}) {
  const sending = http.get({ port, host: '127.0.0.1', localAddress: from, agent: false, headers })
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  const reply = (await json(response)) as Reply
  return { reply, cookie: response.headers['set-cookie']?.[0] }
}

/** A client address that leads to the worker. */
async function addressOf(balancer: Balancer, worker: number): Promise<string> {
  let n = 1
  while ((await balancer.explain(loopback(n))).worker !== worker) n++
  return loopback(n)
}
