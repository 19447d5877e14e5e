import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { away, sessionOf } from '../support/away.ts'
import { until } from '../support/clients.ts'

t.test('a transferred WebSocket that sends nothing gets a close frame when its worker drains', async (t) => {
  const there = await away(t, { kind: 'ws', options: { reload: { grace: 1_000, spread: 0 } } })
  const socket = new WebSocket(`ws://127.0.0.1:${there.port}`, { localAddress: there.from, headers: sessionOf })
  await once(socket, 'open')
  t.match((await there.balancer.status()).connections, { moved: 1 })
  const closed = once(socket, 'close')
  const reloaded = there.balancer.reload()
  t.equal((await closed)[0], 1012)
  await reloaded
})

t.test('bytes that follow an upgrade while it waits for its worker are not lost', async (t) => {
  const restart = { minDelay: 700, maxDelay: 700, stableAfter: 0 }
  const there = await away(t, { kind: 'ws', options: { restart, limits: { holdTimeout: 30_000 } } })
  const gone = there.balancer.event('worker:exit')
  process.kill(there.owner, 'SIGKILL')
  await gone
  const socket = net.connect({ port: there.port, host: '127.0.0.1', localAddress: there.from })
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\nx-user: u1\r\n\r\nfirst ')
  // By now the other worker has read the first bytes, and holds the request.
  setTimeout(() => socket.write('second'), 200)
  await until('both are back', () => received.endsWith('first second'))
  t.match(received, /^HTTP\/1\.1 101 /)
})
