// Requests whose worker can not be reached any more: they are served elsewhere, whole.
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { StickyOptions } from '../../src/index.ts'
import { startBalancer } from '../support/balancer.ts'
import { loopback, request, until } from '../support/clients.ts'

t.test('a body is not lost where the door is gone and nobody was told', async (t) => {
  const { port, folder, doors, cookie, clients } = await start(t)
  for (const name of doors()) rmSync(join(folder, name))
  const reply = await request({ port, from: clients[1], ...post, headers: { cookie } })
  t.match(reply, { worker: 1, bytes: 6 })
})

t.test('nor while a process that has closed its door finishes an answer', async (t) => {
  const reload = { grace: 0, spread: 0, deadline: 60_000 }
  const { balancer, port, doors, cookie, clients, owner } = await start(t, { reload })
  const sending = http.get({ port, host: '127.0.0.1', localAddress: clients[0], path: '/events', headers: { cookie } })
  const [events] = (await once(sending, 'response')) as [IncomingMessage]
  const before = doors()
  void balancer.reload()
  await until('a door has closed', () => before.some((name) => !doors().includes(name)))
  const reply = await request({ port, from: clients[1], ...post, headers: { cookie } })
  t.match(reply, { bytes: 6 })
  t.not(reply.pid, owner)
  await once(events, 'data')
  t.pass('the answer goes on')
  sending.destroy()
})

t.test('what a process that dies has not heard of is served elsewhere, if it only reads', async (t) => {
  const { port, cookie, clients, owner } = await start(t)
  const from = clients[1]
  t.match(await request({ port, from, headers: { cookie } }), { pid: owner }, 'there is a line already')
  // Stopped, it takes nothing in.
  process.kill(owner, 'SIGSTOP')
  const answers = ['GET', 'HEAD', 'POST', 'DELETE'].map((method) => {
    const options = { port, host: '127.0.0.1', localAddress: from, agent: false, method, headers: { cookie } } as const
    const sending = http.request(options).end()
    return { sending, answered: textOf(sending) }
  })
  await Promise.all(answers.map(({ sending }) => once(sending, 'finish')))
  // Who is answered after them came after them.
  for (let n = 1; n <= 3; n++) t.match(await request({ port, from }), { worker: 1 })
  process.kill(owner, 'SIGKILL')
  const [got, head, posted, deleted] = await Promise.all(answers.map(({ answered }) => answered))
  t.match(got, { status: 200, text: /"worker":1/ })
  t.match(head, { status: 200, text: '' })
  // Nobody knows that it did not hear of them.
  for (const answer of [posted, deleted]) t.match(answer, { status: 502, text: /^HOLDFAST_OWNER_GONE/ })
})

async function textOf(sending: http.ClientRequest): Promise<{ status: number | undefined; text: string }> {
  const [answer] = (await once(sending, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, text: (await answer.toArray()).join('') }
}

const post = { method: 'POST', path: '/hash', body: Buffer.from('a body') }

/** Two workers, a client of each, and the cookie of a session that worker 0 has. */
async function start(t: Test, options: StickyOptions = {}) {
  const own = mkdtempSync(join(tmpdir(), 'hf-'))
  t.teardown(() => rmSync(own, { recursive: true, force: true }))
  const balancer = await startBalancer(t, {
    options: { workers: 2, session: { cookie: 'seat' }, ...options },
    env: { TMPDIR: own },
  })
  const { port } = balancer
  const found: string[] = []
  for (let n = 1; found[0] === undefined || found[1] === undefined; n++) {
    found[(await balancer.explain(loopback(n))).worker] ??= loopback(n)
  }
  const clients = found as [string, string]
  const sending = http.get({ port, host: '127.0.0.1', localAddress: clients[0], agent: false })
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  const { pid: owner } = (await json(response)) as { pid: number }
  const cookie = response.headers['set-cookie']![0]!.split(';')[0]!
  const [name] = readdirSync(own).filter((entry) => entry.startsWith('holdfast-'))
  const folder = join(own, name!)
  return { balancer, port, clients, owner, cookie, folder, doors: () => readdirSync(folder) }
}
