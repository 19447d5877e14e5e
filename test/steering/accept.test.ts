import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import t, { type Test } from 'tap'
import { IPPROTO_TCP, TCP_INFO } from '../../src/native/constants.ts'
import { loadLibc, type Libc } from '../../src/native/libc.ts'
import { addressOf, listeningProblem } from '../../src/native/listening.ts'
import { acceptHandles, acceptSockets, type AcceptFunction } from '../../src/steering/accept.ts'
import type { IncomingConnection } from '../../src/steering/connection.ts'
import { openListener, takeOver } from '../../src/steering/listener.ts'
import { handleOf } from '../../src/native/tcp-handle.ts'
import { dial, loopback, until } from '../support/clients.ts'

interface Arrival {
  connection: IncomingConnection
  address: string | undefined
}

const { libc } = loadLibc()
const native = libc === undefined ? undefined : { libc, clock: performance }

const ways: Record<string, (server: net.Server, accept: AcceptFunction) => boolean> = {
  'the public event': (server, accept) => {
    acceptSockets(server, accept)
    return true
  },
  "the handle's own callback": (server, accept) => acceptHandles(server, accept, undefined),
}
if (native !== undefined) ways['bare system calls'] = (server, accept) => acceptHandles(server, accept, native)

for (const [way, install] of Object.entries(ways)) {
  t.test(`${way}: each connection is accepted once, with its address, and no byte is read`, async (t) => {
    const { arrivals, port } = await listen(t, install)
    const clients = await Promise.all(Array.from({ length: 100 }, (_, n) => dial(port, loopback(n))))
    for (const client of clients) client.write('early')
    await until('all are accepted', () => arrivals.length === 100)
    t.strictSame(arrivals.map(({ address }) => String(address)).sort(), clients.map((_, n) => loopback(n)).sort())
    t.equal(new Set(arrivals.map(({ connection }) => connection.fd)).size, 100)
    if (libc !== undefined) {
      const bytes = Buffer.alloc(16)
      for (const { connection } of arrivals)
        t.equal(libc.read(connection.fd, bytes, 16), 5, 'all bytes are still there')
    }
    const closed = clients.map((client) => once(client.on('error', () => {}).resume(), 'close'))
    for (const { connection } of arrivals.splice(0)) connection.close()
    await Promise.all(closed)
  })

  t.test(`${way}: a client that has reset is accepted without an address or not at all`, async (t) => {
    const { arrivals, port, server } = await listen(t, install)
    const client = await dial(port)
    client.resetAndDestroy()
    await once(client, 'close')
    const other = await dial(port, loopback(5))
    await until('the next client is accepted', () => arrivals.some(({ address }) => address === loopback(5)))
    t.ok(server.listening)
    other.destroy()
  })
}

t.test('a version of Node without the callback is noticed', (t) => {
  const server = net.createServer()
  t.equal(
    acceptHandles(server, () => {}, native),
    false,
    'there is no handle',
  )
  Object.assign(server, { _handle: { fd: 3, getpeername() {} } })
  t.equal(
    acceptHandles(server, () => {}, native),
    false,
    'the handle has no callback',
  )
  t.end()
})

t.test('a paused listener leaves connections in the kernel, and close() accepts them first', async (t) => {
  if (libc === undefined) {
    t.pass('a listener cannot pause here')
    return
  }
  const arrivals: IncomingConnection[] = []
  const options = { port: 0, host: '127.0.0.1', backlog: 10 }
  const listener = await openListener(options, native, (connection) => arrivals.push(connection))
  t.teardown(() => arrivals.forEach((connection) => connection.close()))
  const { port } = listener.address
  t.equal(listener.pause(), true)
  const waiting = await Promise.all([dial(port), dial(port)])
  t.equal(arrivals.length, 0)
  listener.resume()
  await until('they are accepted', () => arrivals.length === 2)
  t.equal(backlogOf(libc, port), 10, 'the queue is as long as before')
  listener.pause()
  waiting.push(await dial(port))
  await listener.close()
  t.equal(arrivals.length, 3, 'the queued connection was accepted')
  await t.rejects(dial(port), { code: 'ECONNREFUSED' })
  for (const client of waiting) client.on('error', () => {}).destroy()
})

t.test('without the system calls there is no pause', async (t) => {
  const listener = await openListener({ port: 0, host: '127.0.0.1', backlog: 10 }, undefined, () => {})
  t.equal(listener.pause(), false)
  await listener.close()
})

for (const way of ["the handle's own callback", 'the public event']) {
  t.test(`a server that is taken over gets no events, and no byte is read, with ${way}`, async (t) => {
    let events = 0
    const server = http.createServer(() => events++).on('connection', () => events++)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // As in a version of Node that lacks it.
    if (way === 'the public event') Object.assign(handleOf(server)!, { getpeername: undefined })
    const arrivals: IncomingConnection[] = []
    const { address, close } = takeOver(server, (connection) => arrivals.push(connection))
    const client = await dial(address.port)
    client.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    // If the server read, it would have read before the next connection is accepted.
    const other = await dial(address.port)
    await until('both are accepted', () => arrivals.length === 2)
    const bytes = Buffer.alloc(64)
    if (libc !== undefined)
      t.equal(libc.read(arrivals[0]!.fd, bytes, 64), 27, 'all bytes of the request are still there')
    t.equal(events, 0)
    for (const connection of arrivals) connection.close()
    client.destroy()
    other.destroy()
    await close()
  })
}

/** The limit of the queue of this process's listening socket on the port. */
function backlogOf(libc: Libc, port: number): number {
  const fd = readdirSync('/proc/self/fd')
    .map(Number)
    .find((fd) => listeningProblem(libc, fd) === undefined && addressOf(libc, fd).port === port)
  const info = Buffer.alloc(32)
  const TCPI_SACKED = 28
  libc.getsockopt(fd ?? -1, IPPROTO_TCP, TCP_INFO, info, Buffer.from([info.length, 0, 0, 0]))
  return info.readUInt32LE(TCPI_SACKED)
}

async function listen(t: Test, install: (server: net.Server, accept: AcceptFunction) => boolean) {
  const arrivals: Arrival[] = []
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const installed = install(server, (connection, address) => {
    arrivals.push({ connection, address: address === undefined ? undefined : [...address].join('.') })
  })
  t.equal(installed, true)
  t.ok(handleOf(server))
  t.teardown(() => {
    for (const { connection } of arrivals) connection.close()
    server.close()
  })
  return { arrivals, server, port: (server.address() as net.AddressInfo).port }
}
