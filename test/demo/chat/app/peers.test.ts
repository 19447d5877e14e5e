import t from 'tap'
import type { Report } from '../../../../demo/chat/app/events.ts'
import { Peers } from '../../../../demo/chat/app/peers.ts'

const report = (uid: string, hears: string[] = [], more: Partial<Report> = {}): Report => ({
  uid,
  key: 'host 1 1',
  id: 1,
  pid: 100,
  clients: 0,
  uptime: 0,
  restarts: 0,
  rooms: [],
  hears,
  ...more,
})

t.test('two workers are linked when each gets the reports of the other; this is reported once', async (t) => {
  const peers = new Peers('me', () => 0)
  t.strictSame(peers.hear(report('them')), { appeared: true, linked: false })
  t.strictSame(peers.hear(report('them', ['me'])), { appeared: false, linked: true })
  t.strictSame(peers.hear(report('them', ['me'])), { appeared: false, linked: false })
  t.strictSame(peers.hears(), ['them'])
})

t.test('a worker without reports is away, and is linked again when it is back', async (t) => {
  let now = 0
  const peers = new Peers('me', () => now)
  peers.hear(report('them', ['me'], { rooms: ['lobby'] }))
  now = 3_001
  t.strictSame(peers.hears(), [])
  t.strictSame(peers.rooms(), [])
  t.match(peers.rows(), [{ id: 1, away: true }])
  t.strictSame(peers.hear(report('them', ['me'])), { appeared: true, linked: true })
  now += 60_001
  t.strictSame(peers.rows(), [], 'at last it is forgotten')
})

t.test('a restarted worker is another process in the same row', async (t) => {
  const peers = new Peers('me', () => 0)
  peers.hear(report('before', ['me']))
  t.strictSame(peers.hear(report('after', [], { pid: 200, restarts: 1 })), { appeared: true, linked: false })
  t.match(peers.rows(), [{ pid: 200, restarts: 1, away: false }])
  t.equal(peers.rows().length, 1)
})

t.test('a worker that was cut off counts the others as away until their next report', async (t) => {
  const peers = new Peers('me', () => 0)
  peers.hear(report('them', ['me']))
  peers.forgetLinks()
  t.strictSame(peers.hears(), [])
  t.match(peers.rows(), [{ away: true }])
  t.strictSame(peers.hear(report('them', ['me'])), { appeared: true, linked: true })
})
