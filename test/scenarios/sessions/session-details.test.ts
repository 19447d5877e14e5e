// What an application and a client can rely on when a request was forwarded, besides its bytes.
import { once } from 'node:events'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { away, send } from '../../support/away.ts'
import { startBalancer } from '../../support/balancer.ts'
import { dial, loopback, request, until } from '../../support/clients.ts'

t.test('body parsers read a forwarded request', async (t) => {
  const options = { workers: 2, session: { header: 'x-user' } }
  const { port } = await startBalancer(t, { fixture: 'express-app', options })
  // Requests of one session, over connections to both workers.
  for (let n = 1; n <= 12; n++) {
    const headers = { 'content-type': 'application/json', 'x-user': 'u1' }
    const body = Buffer.from('{"says":"hello"}')
    const reply = await request({ port, from: loopback(n), method: 'POST', path: '/echo', headers, body })
    t.match(reply, { body: { says: 'hello' } }, loopback(n))
  }
})

t.test('a head may be larger than the payload of one frame', async (t) => {
  const there = await away(t, { env: { NODE_OPTIONS: '--max-http-header-size=400000' } })
  for (const size of [70_000, 300_000]) {
    const { sending, answered } = send(there, { headers: { 'x-large': 'x'.repeat(size) } })
    sending.end()
    t.match(await json(await answered), { pid: there.owner })
  }
})

t.test('a client learns for how long its connection is kept, as without forwarding', async (t) => {
  const there = await away(t)
  const { sending, answered } = send(there, { headers: { connection: 'keep-alive' } })
  sending.end()
  const answer = await answered
  t.match(answer.headers, { connection: 'keep-alive', 'keep-alive': 'timeout=5' })
  answer.resume()
})

t.test('a connection has as many requests as the application allows, and the last answer says so', async (t) => {
  const there = await away(t, { env: { FIXTURE_REQUESTS: '2' } })
  const client = await dial(there.port, there.from)
  let text = ''
  client.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  const ask = 'GET / HTTP/1.1\r\nHost: a\r\nX-User: u1\r\n\r\n'
  client.write(ask)
  await until('the first answer is there', () => text.includes(`"pid":${there.owner}`))
  t.match(text, /\r\nconnection: keep-alive\r\nkeep-alive: timeout=5, max=2\r\n/i)
  text = ''
  client.write(ask)
  await once(client, 'close')
  t.match(text, /^HTTP\/1.1 200 .*\r\nconnection: close\r\n/is)
})

t.test('the connection closes where the application refuses a request before its body is sent', async (t) => {
  const there = await away(t, { env: { FIXTURE_CONTINUE: '1' } })
  const headers = { expect: '100-continue', 'content-length': 1_000_000, connection: 'keep-alive' }
  const { sending, answered } = send(there, { method: 'POST', path: '/hash', headers })
  sending.flushHeaders()
  const answer = await answered
  t.equal(answer.statusCode, 413)
  t.equal(answer.headers.connection, 'close')
  answer.resume()
})

t.test('a client sees its connection cut where the application cuts the request', async (t) => {
  const there = await away(t)
  const { sending, answered } = send(there, { path: '/destroy' })
  sending.end()
  await t.rejects(answered, { code: 'ECONNRESET' })
  t.notMatch(there.balancer.output(), /forward\.failed/)
})

t.test('a request closes when it is answered, whether or not the application has read it', async (t) => {
  const there = await away(t)
  const large = Buffer.alloc(1_000_000)
  for (const body of [undefined, Buffer.from('a body'), large]) {
    const { sending, answered } = send(there, { method: body === undefined ? 'GET' : 'POST' })
    sending.end(body)
    t.match(await json(await answered), { pid: there.owner })
  }
  const halfway = send(there, { method: 'POST', path: '/hash', headers: { 'content-length': large.length } })
  halfway.sending.on('error', () => {}).write('a piece')
  await until('it is there', async () => (await open()) > 1)
  halfway.sending.destroy()
  await until('all are closed', async () => (await open()) === 1)

  /** The requests that are open, this one included. */
  async function open(): Promise<number> {
    const { sending, answered } = send(there, { path: '/streams' })
    sending.end()
    return ((await json(await answered)) as { requests: number }).requests
  }
})

t.test('response.setTimeout() works', async (t) => {
  const there = await away(t)
  const { sending, answered } = send(there, { path: '/late' })
  sending.end()
  t.match(await json(await answered), { late: true, pid: there.owner })
})

t.test('a connection stays open while its worker drains where the answer has said so', async (t) => {
  const there = await away(t)
  const { workers } = await there.balancer.status()
  const carrier = workers.find(({ pid }) => pid !== there.owner)!
  const client = await dial(there.port, there.from)
  let text = ''
  client.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  client.write('POST /echo HTTP/1.1\r\nHost: a\r\nX-User: u1\r\nContent-Length: 8\r\n\r\nabcd')
  while (!text.includes('abcd')) await once(client, 'data')
  t.match(text, /connection: keep-alive/i)
  const draining = there.balancer.event<{ pid: number; state: string }>(
    'worker:state',
    ({ pid, state }) => pid === carrier.pid && state === 'draining',
  )
  process.kill(carrier.pid!, 'SIGTERM')
  await draining
  client.write('efghGET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(client, 'close')
  t.match(text, /abcd.*efgh/s)
  t.equal(text.match(/HTTP\/1\.1 200/g)?.length, 2, 'both were answered')
})

t.test('a session rule that throws or returns a promise ends no worker, and is logged once', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1 }, env: { FIXTURE_SESSION: 'careless' } })
  const { pid } = await request({ port: balancer.port, path: '/?room=a' })
  for (const path of ['/throw', '/throw', '/promise', '/?room=b']) {
    t.equal((await request({ port: balancer.port, path })).pid, pid, path)
  }
  t.equal(balancer.output().match(/session\.bad-rule/g)?.length, 1)
})
