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

const own = { key: 'host 1 0', id: 0, pid: 50, clients: 1, uptime: 10, restarts: 0, away: false }

/** The rows of the other workers. */
const rowsOf = (peers: Peers) => peers.rows(own).filter(({ id }) => id !== own.id)

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
  t.match(rowsOf(peers), [{ id: 1, away: true }])
  t.strictSame(peers.hear(report('them', ['me'])), { appeared: true, linked: true })
  now += 60_001
  t.strictSame(rowsOf(peers), [], 'at last it is forgotten')
})

t.test('a restarted worker is another process in the same row', async (t) => {
  const peers = new Peers('me', () => 0)
  peers.hear(report('before', ['me']))
  t.strictSame(peers.hear(report('after', [], { pid: 200, restarts: 1 })), { appeared: true, linked: false })
  t.match(rowsOf(peers), [{ pid: 200, restarts: 1, away: false }])
  t.equal(rowsOf(peers).length, 1)
})

t.test('a worker that was cut off counts the others as away until their next report', async (t) => {
  const peers = new Peers('me', () => 0)
  peers.hear(report('them', ['me']))
  peers.forgetLinks()
  t.strictSame(peers.hears(), [])
  t.match(rowsOf(peers), [{ away: true }])
  t.strictSame(peers.hear(report('them', ['me'])), { appeared: true, linked: true })
})

t.test('in a reload two processes of a worker are one row: the newest one, with the tabs of both', async (t) => {
  let now = 0
  const peers = new Peers('me', () => now)
  peers.hear(report('before', ['me'], { clients: 3, uptime: 9_000 }))
  t.match(peers.hear(report('after', ['me'], { clients: 1, uptime: 100, pid: 200 })), { appeared: true })
  t.match(peers.hear(report('before', ['me'], { clients: 2, uptime: 9_100 })), { appeared: false, linked: false })
  t.strictSame(rowsOf(peers), [{ id: 1, pid: 200, clients: 3, uptime: 100, restarts: 0, away: false }])
  now = 4_000
  peers.hear(report('after', ['me'], { clients: 2, uptime: 4_100, pid: 200 }))
  t.strictSame(rowsOf(peers), [{ id: 1, pid: 200, clients: 2, uptime: 4_100, restarts: 0, away: false }])
})

t.test('a process shows itself in the row of its worker, and never the process before as away', async (t) => {
  let now = 0
  const peers = new Peers('me', () => now)
  peers.hear(report('before', ['me'], { key: own.key, id: 0, clients: 2, uptime: 1 }))
  t.match(peers.rows(own), [{ id: 0, pid: 50, clients: 3, away: false }])
  now = 4_000
  t.match(peers.rows(own), [{ id: 0, pid: 50, clients: 1, away: false }])
  t.equal(peers.rows(own).length, 1)
})
