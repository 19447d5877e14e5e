import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type ServerResponse } from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { prepareDrain } from '../../src/serving/drain.ts'
import { closing, replaced } from '../../src/supervisor/drain-plans.ts'
import { until } from '../support/clients.ts'
import {
  askAndPause,
  CELLS,
  goaways,
  serve,
  SERVERS,
  STATES,
  type Client,
  type ServerKind,
} from '../support/drain-cells.ts'

t.jobs = 3

const DEADLINE = 1_000
const reload = { parallel: 1, deadline: DEADLINE, grace: 20, spread: 20, signals: [] }

/** The plans by which the primary asks for the end. */
const ENDS = {
  reload: replaced({ reload }),
  'scale down': replaced({ reload }),
  shutdown: closing({ reload }, DEADLINE),
}

/** A state that ends by itself at such a server, later than any connection that the drain closes. */
const MARKERS: Partial<Record<ServerKind, string>> = {
  http: 'HTTP/1.1, half of a request head',
  https: 'TLS handshake begun',
  http2: 'TLS handshake begun',
  'http2 with allowHTTP1': 'TLS handshake begun',
  h2c: 'HTTP/2 session, half of a request head',
  tls: 'TLS handshake begun',
}

for (const [end, plan] of Object.entries(ENDS)) {
  t.test(`at ${end}, each kind of connection`, { jobs: CELLS.length }, async (t) => {
    for (const { kind, state, outcome } of CELLS) {
      void t.test(`${kind}: ${state.name}: ${outcome}`, async (t) => {
        const { drain, port, connections } = await start(t, kind)
        const client = await state.enter(kind, { port })
        t.teardown(() => client.socket.destroy())
        const marker = outcome === 'served' || outcome === 'deadline' ? await mark(t, kind, port) : undefined
        await until('the server has them', async () => (await connections()) === (marker === undefined ? 1 : 2))

        let isDrained = false
        const drained = drain(plan).then(() => (isDrained = true))
        await marker?.closed
        if (marker !== undefined || outcome === 'deadline') {
          t.notOk(client.socket.readableEnded || isDrained, 'the connection is still open')
          await state.finish?.(client)
        }
        await within('the server closes the connection', client.closed)
        if (outcome === 'GOAWAY') {
          t.equal(goaways(client.received())[0]?.error, 0, 'the session ends without an error')
        }
        if (outcome === '1012') {
          const code = Buffer.from([0x88, 2, plan.code >> 8, plan.code & 0xff]).toString('latin1')
          t.ok(client.received().includes(code), `the close frame has the code ${plan.code}`)
        }
        await within('the drain is over', drained)
      })
    }
  })
}

t.test('a request that came while the event loop was held up is answered', async (t) => {
  const { drain, port, server } = await start(t, 'http')
  const socket = net.connect({ port, host: '127.0.0.1' })
  await once(server, 'connection')
  const drained = drain(ENDS.reload)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  for (const end = performance.now() + DEADLINE / 8; performance.now() < end;);
  t.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n/)
  await drained
})

t.test('an answer says that its connection closes, also where the application takes Expect itself', async (t) => {
  for (const [event, expect] of [
    ['checkContinue', '100-continue'],
    ['checkExpectation', 'something'],
  ] as const) {
    const server = http.createServer()
    server.on(event, (_: unknown, response: ServerResponse) => response.end())
    const { drain, port } = await start(t, server)
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nExpect: ${expect}\r\n`)
    await once(server, 'connection')
    const drained = drain(ENDS.reload)
    socket.write('\r\n')
    t.match(await text(socket), /\r\nconnection: close\r\n/i, event)
    await drained
  }
})

t.test('an answer arrives whole, also where the client reads it after the other connections are closed', async (t) => {
  const body = Buffer.concat([Buffer.alloc(8 * 1024 * 1024), Buffer.from('the end')])
  for (const kind of ['http', 'https', 'http2', 'h2c'] as const) {
    const server = serve(kind, (_, response) => response.end(body))
    const { drain, port } = await start(t, server)
    const [client, marker] = await Promise.all([askAndPause(kind, { port }), mark(t, kind, port)])
    t.teardown(() => client.socket.destroy())
    const drained = drain(ENDS.reload)
    await marker?.closed
    client.socket.resume()
    await within('the server closes the connection', client.closed)
    t.ok(client.received().includes('the end'), kind)
    await within('the drain is over', drained)
  }
})

t.test('the table in docs/guarantees.md has these cells', async (t) => {
  const page = readFileSync(new URL('../../../docs/guarantees.md', import.meta.url), 'utf8')
  const [, head = '', rows = ''] = /^\| connection +\|(.*)\|\n\|[ |-]+\n((?:\|.*\n)*)/m.exec(page) ?? []
  const cells = (row: string) => row.split('|').map((cell) => cell.trim().replaceAll('`', ''))
  t.strictSame(cells(head), [...SERVERS])
  const documented = rows.trimEnd().split('\n')
  t.strictSame(
    documented.map((row) => cells(row).slice(1, -1)),
    STATES.map(({ name, outcomes }) => [name, ...SERVERS.map((kind) => outcomes[kind] ?? '-')]),
  )
})

async function start(t: Test, of: ServerKind | net.Server) {
  const server = typeof of === 'string' ? serve(of) : of
  const drain = prepareDrain(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const connections = () => new Promise<number>((done) => server.getConnections((_, count) => done(count)))
  return { drain, server, port: (server.address() as net.AddressInfo).port, connections }
}

/** A second connection that shows when the drain has closed what it closes. */
async function mark(t: Test, kind: ServerKind, port: number): Promise<Client | undefined> {
  const state = STATES.find(({ name }) => name === MARKERS[kind])
  const client = await state?.enter(kind, { port })
  t.teardown(() => client?.socket.destroy())
  return client
}

/** Fails after half a minute, so that the cell that hangs is named. */
async function within(what: string, promise: Promise<unknown>): Promise<void> {
  let isDone = false
  const settled = promise.then(() => (isDone = true))
  await Promise.race([settled, until(what, () => isDone, Number(process.env['WITHIN'] ?? 30_000))])
}
