import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { prepareWebSockets } from '../../src/serving/websockets.ts'

const drainPlan = { deadline: 60_000, grace: 0, spread: 0, code: 1012 }

async function serve(t: Test) {
  const server = http.createServer((_request, response) => response.end('plain'))
  const closeAll = prepareWebSockets(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  /** What a client that asks for an upgrade gets. */
  const ask = async (upgrade = 'websocket'): Promise<string> => {
    const request = http.get({ port, agent: false, headers: { connection: 'Upgrade', upgrade } })
    return new Promise((done, fail) => {
      request.on('error', fail)
      request.on('response', (response: IncomingMessage) => done(`status ${response.resume().statusCode}`))
      request.on('upgrade', (_response: IncomingMessage, socket: Duplex) => {
        socket.destroy()
        done('upgraded')
      })
    })
  }
  return { server, port, closeAll, ask }
}

function answerWebSockets(server: http.Server): WebSocketServer {
  return new WebSocketServer({ server })
}

function accept(_request: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => {})
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
}

t.test(
  'Node treats upgrades as it does without Holdfast while the application adds and removes listeners',
  async (t) => {
    const { server, ask } = await serve(t)
    const turn = () => new Promise((done) => setImmediate(done))
    t.equal(await ask(), 'status 200', 'without a listener it is a request like any other')
    server.on('upgrade', accept)
    await turn()
    t.equal(await ask(), 'upgraded')
    server.off('upgrade', accept)
    t.equal(server.listenerCount('upgrade'), 0)
    t.equal(await ask(), 'status 200')
    server.once('upgrade', accept)
    await turn()
    t.equal(await ask(), 'upgraded')
    t.equal(await ask(), 'status 200', 'once is once')
    server.on('upgrade', accept)
    await turn()
    server.removeAllListeners('upgrade')
    t.equal(await ask(), 'status 200')
    server.on('upgrade', accept)
    server.off('upgrade', accept)
    await turn()
    t.equal(await ask(), 'status 200', 'added and removed in one turn')
    server.on('upgrade', accept)
    t.equal(await ask(), 'upgraded', 'and on again')
  },
)

t.test('WebSockets get close frames also where the application wraps the listeners for upgrades', async (t) => {
  const { server, port, closeAll } = await serve(t)
  answerWebSockets(server)
  await new Promise((done) => setImmediate(done))
  const inner = server.listeners('upgrade') as ((...args: unknown[]) => void)[]
  server.removeAllListeners('upgrade')
  server.on('upgrade', (...args: unknown[]) => inner.forEach((listener) => listener.apply(server, args)))
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(socket, 'open')
  closeAll(drainPlan)
  t.equal((await once(socket, 'close'))[0], 1012)
})

t.test('a WebSocket that opens during the drain is closed too, with the close code of that moment', async (t) => {
  const { server, port, closeAll } = await serve(t)
  answerWebSockets(server)
  const plan = { ...drainPlan }
  closeAll(plan)
  plan.code = 1001
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(socket, 'open')
  t.equal((await once(socket, 'close'))[0], 1001)
})

t.test('both ends of a WebSocket close properly, and messages that were sent before arrive', async (t) => {
  const { server, port, closeAll } = await serve(t)
  const sockets = new WebSocketServer({ server, perMessageDeflate: true })
  const accepted = once(sockets, 'connection') as Promise<[WebSocket]>
  const client = new WebSocket(`ws://127.0.0.1:${port}/`)
  const got: string[] = []
  client.on('message', (data: Buffer) => got.push(`${data.length} bytes`))
  const clientClosed = once(client, 'close')
  await once(client, 'open')
  const [served] = await accepted
  const serverClosed = once(served, 'close')
  served.send(Buffer.alloc(4 * 1024 * 1024))
  served.send('small')
  await new Promise((done) => served.send('', done))
  closeAll(drainPlan)
  t.equal((await clientClosed)[0], 1012)
  t.equal((await serverClosed)[0], 1012)
  t.strictSame(got, ['4194304 bytes', '5 bytes', '0 bytes'])
})
