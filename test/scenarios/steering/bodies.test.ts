import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { Readable } from 'node:stream'
import t from 'tap'
import { startBalancer } from '../../support/balancer.ts'
import { loopback, request, type Reply } from '../../support/clients.ts'

const body = randomBytes(10 * 1024 * 1024)
const sha256 = createHash('sha256').update(body).digest('hex')

t.test('POST bodies of 10 MB arrive byte for byte', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2 } })
  const replies = await Promise.all(
    [1, 2, 3, 4].map((n) => request({ port: balancer.port, from: loopback(n), method: 'POST', path: '/hash', body })),
  )
  for (const reply of replies) t.match(reply, { bytes: body.length, sha256 })
})

t.test('bodies over TLS, which ends in the worker, arrive byte for byte', async (t) => {
  const balancer = await startBalancer(t, { kind: 'https', options: { workers: 2 } })
  for (const n of [1, 2, 3]) {
    const sending = https.request({
      port: balancer.port,
      host: '127.0.0.1',
      localAddress: loopback(n),
      path: '/hash',
      method: 'POST',
      rejectUnauthorized: false,
      agent: false,
    })
    sending.end(body)
    const [response] = (await once(sending, 'response')) as [http.IncomingMessage]
    const reply = JSON.parse((await response.toArray()).join('')) as Reply
    t.match(reply, { bytes: body.length, sha256, worker: (await balancer.explain(loopback(n))).worker })
  }
})

t.test('bodies over HTTP/2 and TLS arrive byte for byte, both ways', async (t) => {
  const balancer = await startBalancer(t, { kind: 'http2', options: { workers: 2 } })
  const session = http2.connect(`https://127.0.0.1:${balancer.port}`, { rejectUnauthorized: false })
  t.teardown(() => session.destroy())
  const answers = [1, 2, 3].map(async () => {
    const stream = session.request({ ':path': '/hash', ':method': 'POST' })
    // In pieces: a single write has to fit into the session's memory.
    Readable.from(pieces(body)).pipe(stream)
    return JSON.parse((await stream.toArray()).join('')) as Reply
  })
  for (const reply of await Promise.all(answers)) t.match(reply, { bytes: body.length, sha256 })
  const stream = session.request({ ':path': `/bytes?size=${body.length}` })
  let size = 0
  stream.on('data', (chunk: Buffer) => (size += chunk.length))
  await once(stream, 'end')
  t.equal(size, body.length)
})

t.test('an HTTP/2 session finishes its streams when the balancer closes', async (t) => {
  const balancer = await startBalancer(t, { kind: 'http2', options: { workers: 1 } })
  const session = http2.connect(`https://127.0.0.1:${balancer.port}`, { rejectUnauthorized: false })
  const stream = session.request({ ':path': '/block?ms=300' })
  stream.end()
  await once(session, 'connect')
  const answered = stream.toArray()
  const closed = balancer.close()
  t.match(JSON.parse((await answered).join('')), { worker: 0 })
  t.equal(await closed, true, 'no worker was killed')
})

t.test('a keep-alive client is told to use another connection, and loses no request', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2 } })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const first = await request({ port: balancer.port, agent })
  const second = await request({ port: balancer.port, agent })
  t.equal(first.port, second.port, 'one connection')
  const last = request({ port: balancer.port, agent, path: '/block?ms=200' })
  t.equal(await balancer.close(), true)
  t.equal((await last).pid, first.pid)
})

function* pieces(whole: Buffer): Iterable<Buffer> {
  for (let at = 0; at < whole.length; at += 65536) yield whole.subarray(at, at + 65536)
}
