// What comes in at the door of a worker is what other workers send: no client speaks there for itself.
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

/** What can be no introduction: no URI component, no JSON, not what is meant. */
const nonsense = ['%', 'x', 'null', '{}', '%7B%22socket%22%3A1%7D, x']

t.test('a client that sends the header of the doors is told from one that is sent on, over HTTP/2', async (t) => {
  const there = await away(t, { kind: 'http2' })
  const session = openSession(t, there)
  for (const value of nonsense) {
    const reply = await json(session.request({ ...sessionOf, [CLIENT_INFO]: value }))
    t.match(reply, { pid: there.owner, address: new RegExp(`${there.from}$`) }, value)
  }
})

t.test('and over a WebSocket that passes through', async (t) => {
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

t.test('an upgrade to the protocol of the doors is one that the application answers', async (t) => {
  const there = await away(t, { kind: 'wss' })
  const headers = { connection: 'Upgrade', upgrade: 'holdfast-mux' }
  const { sending, answered } = send(there, { secure: true, headers })
  sending.end()
  t.equal((await answered).statusCode, 400, 'it knows WebSockets only')
})

t.test('a head that the application takes at home is taken here too, whatever its size', async (t) => {
  const there = await away(t, { kind: 'http2' })
  const session = openSession(t, there)
  const stream = session.request({ ...sessionOf, ':path': '/head?size=20000', cookie: `a=${'c'.repeat(15_900)}` })
  const [head] = (await once(stream, 'response')) as [Record<string, string>]
  t.match(await json(stream), { pid: there.owner })
  t.equal(head['x-large']?.length, 20_000)
})

t.test('what no worker can have sent gets 400, and ends nothing', async (t) => {
  const there = await withFolder(t)
  for (const value of [undefined, ...nonsense]) {
    const introduction = value === undefined ? {} : { [CLIENT_INFO]: value }
    for (const more of [{}, { expect: '100-continue' }, { connection: 'Upgrade', upgrade: 'websocket' }]) {
      for (const socketPath of there.doors) {
        const sending = http.request({ socketPath, agent: false, headers: { ...introduction, ...more } })
        sending.end()
        const [answer] = (await once(sending, 'response')) as [IncomingMessage]
        t.equal(answer.statusCode, 400, `${value} ${Object.values(more).join()}`)
        answer.resume()
      }
    }
  }
  t.match(await visit(there.balancer, there.from), { pid: there.owner })
})

t.test('a line that is just being made when its worker finishes does not keep it', async (t) => {
  const there = await withFolder(t, { reload: { grace: 0, spread: 0, deadline: 20_000 } })
  const lines = there.doors.map((path) => net.connect({ path }).on('error', () => {}))
  await Promise.all(lines.map((line) => once(line, 'connect')))
  const reloaded = there.balancer.reload()
  const goodbyes = lines.map(async (line, i) => {
    await until('the door is not found any more', () => !existsSync(there.doors[i]!))
    line.write('GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: holdfast-mux\r\n\r\n')
    const [goaway] = (await once(line, 'data')) as [Buffer]
    line.end()
    return goaway[8]
  })
  t.strictSame(await Promise.all(goodbyes), [5, 5], 'asked to make no calls')
  await reloaded
})

/** With the doors of all workers. */
async function withFolder(t: Test, options: StickyOptions = {}): Promise<Away & { doors: string[] }> {
  const own = mkdtempSync(join(tmpdir(), 'hf-'))
  t.teardown(() => rmSync(own, { recursive: true, force: true }))
  const there = await away(t, { kind: 'ws', options, env: { TMPDIR: own } })
  const [folder] = readdirSync(own).filter((name) => name.startsWith('holdfast-'))
  const path = join(own, folder!)
  return { ...there, doors: readdirSync(path).map((name) => join(path, name)) }
}
