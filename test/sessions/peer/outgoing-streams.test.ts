// Another worker serves a request where the request's own worker cannot be reached.
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { StickyOptions } from '../../../src/index.ts'
import { startBalancer } from '../../support/balancer.ts'
import { loopback, request, until } from '../../support/clients.ts'
import { answerTo, newSession } from '../../support/kept-alive.ts'

t.test('a body is not lost where a peer socket is missing and the primary has not reported it', async (t) => {
  const { port, folder, peerSockets, cookie, clients } = await start(t)
  for (const name of peerSockets()) rmSync(join(folder, name))
  const reply = await request({ port, from: clients[1], ...post, headers: { cookie } })
  t.match(reply, { worker: 1, bytes: 6 })
})

t.test('a body is not lost while a process that has closed its peer socket finishes an answer', async (t) => {
  const reload = { grace: 0, spread: 0, deadline: 60_000 }
  const { balancer, port, peerSockets, cookie, clients, owner } = await start(t, { reload })
  const sending = http.get({ port, host: '127.0.0.1', localAddress: clients[0], path: '/events', headers: { cookie } })
  const [events] = (await once(sending, 'response')) as [IncomingMessage]
  const before = peerSockets()
  void balancer.reload()
  await until('a peer socket has closed', () => before.some((name) => !peerSockets().includes(name)))
  const reply = await request({ port, from: clients[1], ...post, headers: { cookie } })
  t.match(reply, { bytes: 6 })
  t.not(reply.pid, owner)
  await once(events, 'data')
  t.pass('the answer goes on')
  sending.destroy()
})

t.test(
  'a request that only reads is served elsewhere where its process was killed before it read the request',
  async (t) => {
    const { balancer, port, cookie, clients } = await start(t)
    const from = clients[1]
    let headers = { cookie }
    for (const [method, answer] of [
      ['GET', { status: 200, text: /"worker":1/ }],
      ['POST', { status: 502, text: /^HOLDFAST_OWNER_GONE/ }],
      ['HEAD', { status: 200, text: '' }],
    ] as const) {
      const { pid: owner } = await request({ port, from, headers })
      t.equal(owner, await balancer.pid(0), 'there is a mux already')
      // A stopped process reads nothing.
      process.kill(owner, 'SIGSTOP')
      const sending = http.request({ port, host: '127.0.0.1', localAddress: from, agent: false, method, headers }).end()
      const answered = answerTo(sending)
      await once(sending, 'finish')
      // These requests came after it, so when they are answered, it was sent.
      for (let n = 1; n <= 3; n++) t.match(await request({ port, from }), { worker: 1 })
      const back = balancer.event('worker:ready')
      process.kill(owner, 'SIGKILL')
      t.match(await answered, answer, method)
      await back
      headers = { cookie: await newSession(port, clients[0]) }
    }
  },
)

t.test('a request that may have ended its process is not sent to another one', async (t) => {
  const { balancer, port, cookie, clients } = await start(t)
  const options = { port, host: '127.0.0.1', localAddress: clients[1], agent: false, headers: { cookie } }
  const answer = await answerTo(http.get({ ...options, path: '/suicide' }))
  t.match(answer, { status: 502, text: /^HOLDFAST_OWNER_GONE/ })
  t.match((await balancer.status()).workers[1], { restarts: 0 })
})

t.test('an application that throws loses no other request that came back at the same time', async (t) => {
  const { balancer, port, folder, peerSockets, cookie, clients, owner } = await start(t, {}, { FIXTURE_SURVIVE: '1' })
  for (const name of peerSockets()) rmSync(join(folder, name))
  // All of these requests wait while the worker is busy.
  const busy = request({ port, from: clients[1], path: '/block?ms=300' })
  await until('it is busy', () => balancer.output().includes('busy'))
  const options = { port, host: '127.0.0.1', localAddress: clients[1], agent: false, headers: { cookie } }
  const crash = http.get({ ...options, path: '/crash' }).on('error', () => {})
  const visits = Array.from({ length: 5 }, () => request({ port, from: clients[1], headers: { cookie } }))
  await busy
  for (const reply of await Promise.all(visits)) t.not(reply.pid, owner)
  crash.destroy()
})

const post = { method: 'POST', path: '/hash', body: Buffer.from('a body') }

/** Two workers, a client of each, and the cookie of a session that worker 0 has. */
async function start(t: Test, options: StickyOptions = {}, env: Record<string, string> = {}) {
  const own = mkdtempSync(join(tmpdir(), 'hf-'))
  t.teardown(() => rmSync(own, { recursive: true, force: true }))
  const balancer = await startBalancer(t, {
    options: { workers: 2, session: { cookie: 'seat' }, ...options },
    env: { TMPDIR: own, ...env },
  })
  const { port } = balancer
  const found: string[] = []
  for (let n = 1; found[0] === undefined || found[1] === undefined; n++) {
    found[(await balancer.explain(loopback(n))).worker] ??= loopback(n)
  }
  const clients = found as [string, string]
  const cookie = await newSession(port, clients[0])
  const owner = await balancer.pid(0)
  const [name] = readdirSync(own).filter((entry) => entry.startsWith('holdfast-'))
  const folder = join(own, name!)
  return { balancer, port, clients, owner, cookie, folder, peerSockets: () => readdirSync(folder) }
}
