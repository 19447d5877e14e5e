// Forwarded requests, answers and upgrades arrive byte for byte.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { away, openSession, openWebSocket, send, sessionOf as headers, visit, type Away } from '../../support/away.ts'
import { dial, until, type Reply } from '../../support/clients.ts'

const body = randomBytes(10 * 1024 * 1024)
const sha256 = createHash('sha256').update(body).digest('hex')

for (const kind of ['http', 'https'] as const) {
  const secure = kind === 'https'

  t.test(`a body of 10 MB arrives, with a length and in chunks, over ${kind}`, async (t) => {
    const there = await away(t, { kind })
    for (const length of [{ 'content-length': body.length }, { 'transfer-encoding': 'chunked' }]) {
      const { sending, answered } = send(there, { secure, method: 'POST', path: '/hash', headers: length })
      Readable.from([body.subarray(0, 1), body.subarray(1, 70_000), body.subarray(70_000)]).pipe(sending)
      const reply = (await json(await answered)) as Reply
      t.match(reply, { bytes: body.length, sha256, pid: there.owner, address: new RegExp(`${there.from}$`) })
    }
  })

  t.test(`an answer of 10 MB arrives, and the answer to HEAD has no body, over ${kind}`, async (t) => {
    const there = await away(t, { kind })
    const { sending, answered } = send(there, { secure, path: `/bytes?size=${body.length}` })
    sending.end()
    const bytes = Buffer.concat(await (await answered).toArray())
    t.ok(bytes.equals(Buffer.alloc(body.length, 'holdfast')))
    const head = send(there, { secure, path: '/', method: 'HEAD' })
    head.sending.end()
    const response = await head.answered
    t.equal(response.statusCode, 200)
    t.strictSame(await response.toArray(), [])
  })
}

t.test('a client that expects 100-continue gets it from the worker of its session', async (t) => {
  const there = await away(t)
  const expects = { expect: '100-continue', 'content-length': body.length }
  const { sending, answered } = send(there, { method: 'POST', path: '/hash', headers: expects })
  sending.flushHeaders()
  await once(sending, 'continue')
  sending.end(body)
  t.match(await json(await answered), { sha256, pid: there.owner })
})

t.test('the application can decide about 100-continue itself', async (t) => {
  const there = await away(t, { env: { FIXTURE_CONTINUE: '1' } })
  const long = { expect: '100-continue', 'content-length': 1_000_000 }
  const refused = send(there, { method: 'POST', path: '/hash', headers: long })
  refused.sending.flushHeaders()
  t.equal((await refused.answered).statusCode, 413)
  const short = { expect: '100-continue', 'content-length': 4 }
  const { sending, answered } = send(there, { method: 'POST', path: '/hash', headers: short })
  sending.flushHeaders()
  await once(sending, 'continue')
  sending.end('body')
  t.match(await json(await answered), { bytes: 4, pid: there.owner })
})

t.test('server-sent events pass as they come, and end in the worker when the client leaves', async (t) => {
  const there = await away(t)
  const { sending, answered } = send(there, { path: '/events' })
  sending.end()
  const response = await answered
  for (let n = 0; n < 3; n++) t.match(String((await once(response, 'data'))[0]), /data: tick/)
  sending.destroy()
  await until('the stream has ended there', async () => {
    const reply = await visit(there.balancer, there.from, 'http', '/streams')
    // This request is the one that is open.
    return reply.pid === there.owner && reply['streams'] === 0 && reply['requests'] === 1
  })
})

t.test('trailers and repeated headers arrive', async (t) => {
  const there = await away(t)
  const { sending, answered } = send(there, { method: 'POST', path: '/trailers', headers: { trailer: 'x-sum' } })
  sending.addTrailers({ 'x-sum': '42' })
  sending.write('body')
  sending.end()
  const response = await answered
  t.match(JSON.parse((await response.toArray()).join('')), { pid: there.owner, trailers: { 'x-sum': '42' } })
  t.match(response.trailers, { 'x-answer': '43' })
  t.strictSame(response.headers['set-cookie'], ['a=1', 'b=2'])
  t.equal(response.statusMessage, 'Very Well')
})

t.test('many HTTP/2 requests are forwarded at once', async (t) => {
  const there = await away(t, { kind: 'http2' })
  const session = openSession(t, there)
  const sent = body.subarray(0, 2_000_000)
  const digest = createHash('sha256').update(sent).digest('hex')
  const replies = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const stream = session.request({ ...headers, ':path': '/hash', ':method': 'POST' })
      // In pieces, because one write has to fit into the memory of the HTTP/2 session.
      Readable.from(pieces(sent)).pipe(stream)
      return (await json(stream)) as Reply
    }),
  )
  for (const reply of replies) t.match(reply, { bytes: sent.length, sha256: digest, pid: there.owner })
  const down = session.request({ ...headers, ':path': '/bytes?size=3000000' })
  let size = 0
  down.on('data', (chunk: Buffer) => (size += chunk.length))
  await once(down, 'end')
  t.equal(size, 3_000_000)
})

t.test('bytes behind an upgrade are not lost, and an upgrade with a large head is forwarded instead', async (t) => {
  const there = await away(t, { kind: 'ws' })
  const early = randomBytes(64_000)
  for (const size of [10, 30_000]) {
    const { socket, take } = await upgraded(there, early.subarray(0, size))
    t.ok((await take(size)).equals(early.subarray(0, size)), `${size} bytes`)
    socket.write('later')
    t.equal((await take(5)).toString(), 'later')
    socket.destroy()
  }
  t.match((await there.balancer.status()).connections, { moved: 2 })
  // More bytes than can travel with a socket.
  const large = await upgraded(there, early, { 'x-padding': 'p'.repeat(12_000), 'x-more': 'p'.repeat(2_000) })
  t.ok((await large.take(early.length)).equals(early))
  large.socket.destroy()
})

t.test('WebSockets over TLS reach the worker of their session', async (t) => {
  const there = await away(t, { kind: 'wss' })
  const socket = await openWebSocket(there)
  socket.send('who?')
  const [answer] = (await once(socket, 'message')) as [Buffer]
  t.match(JSON.parse(answer.toString()), { pid: there.owner, address: new RegExp(`${there.from}$`) })
  socket.close()
  await once(socket, 'close')
})

t.test('a slow client slows down the application, so 1 GB needs little memory', async (t) => {
  const there = await away(t, { options: { health: { interval: 50 } } })
  const { sending, answered } = send(there, { path: '/flood?mb=1024' })
  sending.end()
  const response = await answered
  let size = 0
  let most = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    // The client stops reading now and then.
    if (size >> 26 !== (size - chunk.length) >> 26) {
      await new Promise((done) => setTimeout(done, 100))
      const { workers } = await there.balancer.status()
      most = Math.max(most, ...workers.map(({ beat }) => beat?.rss ?? 0))
    }
  }
  t.equal(size, 1024 * 1024 * 1024)
  t.ok(most > 0 && most < 300 * 1024 * 1024, `${most} bytes at most`)
})

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_521) yield bytes.subarray(at, at + 65_521)
}

interface Echo {
  socket: net.Socket
  /** Resolves with the next `size` bytes. */
  take(size: number): Promise<Buffer>
}

/** A connection that was upgraded to a protocol in which the application echoes. */
async function upgraded({ port, from }: Away, early: Buffer, more: Record<string, string> = {}): Promise<Echo> {
  const socket = await dial(port, from)
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])))
  const fields = Object.entries({ ...headers, ...more }).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n${fields.join('')}\r\n`
  socket.write(Buffer.concat([Buffer.from(head), early]))
  const take = async (size: number): Promise<Buffer> => {
    await until(`${size} bytes are back`, () => bytes.length >= size)
    const taken = bytes.subarray(0, size)
    bytes = bytes.subarray(size)
    return taken
  }
  await until('it is upgraded', () => bytes.includes('\r\n\r\n'))
  t.match((await take(bytes.indexOf('\r\n\r\n') + 4)).toString(), /^HTTP\/1.1 101 /)
  return { socket, take }
}
