import t from 'tap'
import { startBalancer } from '../support/balancer.ts'
import { loopback, request } from '../support/clients.ts'

t.test('an Express application can keep the state of its clients in memory', async (t) => {
  const { port } = await startBalancer(t, { fixture: 'express-app', options: { workers: 3 } })
  const clients = Array.from({ length: 12 }, (_, n) => loopback(n * 97))
  const visit = (from: string) => request({ port, from, path: '/visits' })
  // There are no other clients, so each worker counts the visits of its own.
  const first = await Promise.all(clients.map(visit))
  const again = await Promise.all(clients.map(visit))
  const [before, after] = [first, again].map((replies) => replies.map(({ visits }) => Number(visits)))
  t.ok(Math.max(...before!) < clients.length, 'not all clients are on one worker')
  t.ok(
    after!.every((visits, n) => visits > before![n]!),
    'each client reached the same worker again',
  )
  t.strictSame(
    first.map(({ address }) => address.replace('::ffff:', '')),
    clients,
    'and Express sees its address',
  )
})

t.test('the body parsers of Express read what was sent', async (t) => {
  const { port } = await startBalancer(t, { fixture: 'express-app', options: { workers: 1 } })
  const reply = await request({
    port,
    method: 'POST',
    path: '/echo',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"says":"hello"}'),
  })
  t.match(reply, { body: { says: 'hello' } })
})
