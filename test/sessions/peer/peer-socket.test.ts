// A peer socket serves the requests that other workers forward, and nothing that a client sends can look like one.
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { StickyOptions } from '../../../src/index.ts'
import { until } from '../../support/clients.ts'
import { away, openSession, openWebSocket, send, sessionOf, visit, type Away } from '../../support/away.ts'

const CLIENT_INFO = 'x-holdfast-client'

/** Values that are no client info: no URI component, no JSON, or the wrong JSON. */
const nonsense = ['%', 'x', 'null', '{}', '%7B%22socket%22%3A1%7D, x']

t.test('the client info that a client sends over HTTP/2 does not count', async (t) => {
  const there = await away(t, { kind: 'http2' })
  const session = openSession(t, there)
  for (const value of nonsense) {
    const reply = await json(session.request({ ...sessionOf, [CLIENT_INFO]: value }))
    t.match(reply, { pid: there.owner, address: new RegExp(`${there.from}$`) }, value)
  }
})

t.test('the client info that a client sends with a forwarded WebSocket does not count', async (t) => {
  const there = await away(t, { kind: 'wss' })
  for (const value of nonsense) {
    const socket = await openWebSocket(there, { 'X-Holdfast-Client': value })
    socket.send('who?')
    const [answer] = (await once(socket, 'message')) as [Buffer]
    t.match(JSON.parse(answer.toString()), { pid: there.owner, address: new RegExp(`${there.from}$`) }, value)
    socket.close()
    await once(socket, 'close')
  }
})

t.test('the application answers a client that asks for an upgrade to the mux protocol', async (t) => {
  const there = await away(t, { kind: 'wss' })
  const headers = { connection: 'Upgrade', upgrade: 'holdfast-mux' }
  const { sending, answered } = send(there, { secure: true, headers })
  sending.end()
  t.equal((await answered).statusCode, 400, 'the application knows only WebSockets')
})

t.test('a forwarded request may have as large a head as one that is not forwarded', async (t) => {
  const there = await away(t, { kind: 'http2' })
  const session = openSession(t, there)
  const stream = session.request({ ...sessionOf, ':path': '/head?size=20000', cookie: `a=${'c'.repeat(15_900)}` })
  const [head] = (await once(stream, 'response')) as [Record<string, string>]
  t.match(await json(stream), { pid: there.owner })
  t.equal(head['x-large']?.length, 20_000)
})

t.test('a request that no worker can have sent gets 400, and ends no process', async (t) => {
  const there = await withFolder(t)
  for (const value of [undefined, ...nonsense]) {
    const clientInfo = value === undefined ? {} : { [CLIENT_INFO]: value }
    for (const more of [{}, { expect: '100-continue' }, { connection: 'Upgrade', upgrade: 'websocket' }]) {
      for (const socketPath of there.paths) {
        const sending = http.request({ socketPath, agent: false, headers: { ...clientInfo, ...more } })
        sending.end()
        const [answer] = (await once(sending, 'response')) as [IncomingMessage]
        t.equal(answer.statusCode, 400, `${value} ${Object.values(more).join()}`)
        answer.resume()
      }
    }
  }
  t.match(await visit(there.balancer, there.from), { pid: there.owner })
})

t.test('a mux that is just being opened when its worker drains does not keep the worker', async (t) => {
  const there = await withFolder(t, { reload: { grace: 0, spread: 0, deadline: 20_000 } })
  const sockets = there.paths.map((path) => net.connect({ path }).on('error', () => {}))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const reloaded = there.balancer.reload()
  const kinds = sockets.map(async (socket, i) => {
    await until('the path is removed', () => !existsSync(there.paths[i]!))
    socket.write('GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: holdfast-mux\r\n\r\n')
    const [goaway] = (await once(socket, 'data')) as [Buffer]
    socket.end()
    return goaway[8]
  })
  t.strictSame(await Promise.all(kinds), [5, 5], 'each gets goaway')
  await reloaded
})

/** With the paths of all peer sockets. */
async function withFolder(t: Test, options: StickyOptions = {}): Promise<Away & { paths: string[] }> {
  const own = mkdtempSync(join(tmpdir(), 'hf-'))
  t.teardown(() => rmSync(own, { recursive: true, force: true }))
  const there = await away(t, { kind: 'ws', options, env: { TMPDIR: own } })
  const [folder] = readdirSync(own).filter((name) => name.startsWith('holdfast-'))
  const path = join(own, folder!)
  return { ...there, paths: readdirSync(path).map((name) => join(path, name)) }
}
