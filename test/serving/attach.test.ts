import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import t, { type Test } from 'tap'
import { encodeMetadata } from '../../src/transport/metadata.ts'
import { handleOf, type TcpHandle } from '../../src/native/tcp-handle.ts'
import { attach, emitConnection } from '../../src/serving/attach.ts'
import { dial } from '../support/clients.ts'

const address = { address: '::', family: 'IPv6' as const, port: 4242 }

/** Accepts as the primary does: returns the handle of a connection that was not read from, and its client. */
async function acceptor(t: Test): Promise<() => Promise<{ handle: TcpHandle; client: net.Socket }>> {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const all: net.Socket[] = []
  t.teardown(() => {
    for (const socket of all) socket.destroy()
    server.close()
  })
  return async () => {
    const arrives = once(server, 'connection') as Promise<[net.Socket]>
    const client = await dial((server.address() as net.AddressInfo).port)
    const [socket] = await arrives
    all.push(
      client.on('error', () => {}),
      socket.on('error', () => {}),
    )
    return { handle: handleOf(socket)!, client }
  }
}

const connections = (server: net.Server) =>
  new Promise<number>((done) => server.getConnections((_, count) => done(count)))

t.test('the server listens at the public address', async (t) => {
  const server = http.createServer()
  attach(server, address, () => {})
  await once(server, 'listening')
  t.equal(server.listening, true)
  t.strictSame(server.address(), address)
  const closed = once(server, 'close')
  server.close()
  await closed
  t.equal(server.listening, false)
})

t.test('close() is reported once, and waits for the connections', async (t) => {
  const accept = await acceptor(t)
  let reports = 0
  const server = net.createServer()
  const serve = attach(server, address, () => reports++)
  const { handle, client } = await accept()
  const arrives = once(server, 'connection') as Promise<[net.Socket]>
  serve(handle)
  const [socket] = await arrives
  t.equal(await connections(server), 1)
  let closed = false
  server.close(() => (closed = true))
  t.equal(reports, 1)
  client.destroy()
  socket.resume()
  await once(server, 'close')
  t.equal(closed, true)
  t.equal(await connections(server), 0)
})

t.test('connections above maxConnections are dropped with an event', async (t) => {
  const accept = await acceptor(t)
  const server = net.createServer()
  server.maxConnections = 1
  const serve = attach(server, address, () => {})
  const first = await accept()
  serve(first.handle)
  const dropped = once(server, 'drop')
  const second = await accept()
  serve(second.handle)
  t.match(await dropped, [{ remoteAddress: '127.0.0.1', localPort: Number }])
  t.equal(await connections(server), 1)
})

t.test('closeIdleConnections() and closeAllConnections() close connections that were attached', async (t) => {
  const accept = await acceptor(t)
  const server = http.createServer((request, response) => request.url === '/idle' && response.end())
  const serve = attach(server, address, () => {})
  const idle = await accept()
  const busy = await accept()
  serve(idle.handle)
  serve(busy.handle)
  idle.client.write('GET /idle HTTP/1.1\r\nHost: a\r\n\r\n')
  busy.client.write('GET /busy HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(idle.client, 'data')
  const idleClosed = once(idle.client, 'close')
  server.closeIdleConnections()
  await idleClosed
  t.equal(await connections(server), 1)
  const busyClosed = once(busy.client, 'close')
  server.closeAllConnections()
  await busyClosed
})

t.test('the socket has the options of the server: allowHalfOpen and noDelay', async (t) => {
  const accept = await acceptor(t)
  const server = net.createServer({ allowHalfOpen: true, noDelay: true })
  const serve = attach(server, address, () => {})
  const { handle, client } = await accept()
  const arrives = once(server, 'connection') as Promise<[net.Socket]>
  serve(handle)
  const [socket] = await arrives
  t.equal(socket.allowHalfOpen, true)
  client.end()
  socket.resume()
  await once(socket, 'end')
  socket.end('still here')
  t.equal((await client.toArray()).join(''), 'still here')
})

t.test('a connection that comes in after close() is served and counted', async (t) => {
  const accept = await acceptor(t)
  const server = http.createServer((_, response) => response.setHeader('connection', 'close').end('late'))
  const serve = attach(server, address, () => {})
  const { handle, client } = await accept()
  const closedFirst = once(server, 'close')
  server.close()
  await closedFirst
  serve(handle)
  t.equal(await connections(server), 1)
  const closedAgain = once(server, 'close')
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match((await client.toArray()).join(''), /late$/)
  await closedAgain
  t.equal(await connections(server), 0)
})

t.test('connections are counted also where net.Server has no accept code that can be used', async (t) => {
  const accept = await acceptor(t)
  const server = net.createServer({ allowHalfOpen: true })
  // An unknown Node would lack this.
  Object.assign(server, { _listen2: undefined })
  const serve = attach(server, address, () => {})
  await once(server, 'listening')
  t.strictSame(server.address(), address)
  const { handle, client } = await accept()
  const arrives = once(server, 'connection') as Promise<[net.Socket]>
  serve(handle)
  const [socket] = await arrives
  t.equal(socket.allowHalfOpen, true)
  t.equal(await connections(server), 1)
  server.close()
  client.destroy()
  socket.destroy()
  await once(server, 'close')
  t.equal(await connections(server), 0)
  t.type(emitConnection, 'function')
})

t.test('a server that listens by itself is refused', async (t) => {
  const server = net.createServer().listen(0)
  await once(server, 'listening')
  t.teardown(() => server.close())
  t.throws(() => attach(server, address, () => {}), { code: 'HOLDFAST_TARGET_LISTENS' })
})

t.test('the metadata of a connection is not given to the next one, also where a listener throws', async (t) => {
  const accept = await acceptor(t)
  const asked: (string | undefined)[] = []
  const server = http.createServer(({ url }, response) => {
    asked.push(url)
    response.end('ok')
  })
  const serve = attach(server, address, () => {})
  server.once('connection', () => {
    throw new Error('of the application')
  })
  const [first, second] = [await accept(), await accept()]
  const head = Buffer.from('GET /first HTTP/1.1\r\nHost: a\r\n\r\n')
  t.throws(
    () => serve(first.handle, encodeMetadata({ head, moved: { isFinal: false, from: 0 } })),
    /of the application/,
  )
  serve(second.handle)
  second.client.write('GET /second HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(second.client, 'data')
  t.equal(asked.length, 2, 'each once')
  t.strictSame(new Set(asked), new Set(['/first', '/second']))
})
