import t from 'tap'
import { identityText } from '../../src/affinity/session.ts'
import type { SessionRequest } from '../../src/options/options.ts'
import type { Peer } from '../../src/ipc/messages.ts'
import { Peers } from '../../src/sessions/peers.ts'
import { realWorld } from '../../src/world.ts'

const me = { worker: 0, instance: 7 }
const other: Peer = { worker: 1, instance: 8, draining: false }
const successor: Peer = { worker: 1, instance: 9, draining: false }
const self: Peer = { ...me, draining: false }

const all = (worker: number): number[] => Array.from({ length: 256 }, () => worker)

function setUp() {
  const peers = new Peers([{ header: 'x-user' }], me, 1_000, realWorld)
  peers.update([self, other], all(1))
  return peers
}

function request(more: object = {}): SessionRequest {
  return { httpVersionMajor: 1, socket: {}, headers: {}, rawHeaders: ['X-User', 'u1'], ...more } as SessionRequest
}

/** What it is called on by most: a connection that has asked before. */
function asked(peers: Peers): SessionRequest {
  const one = request()
  for (let i = 0; i < 2; i++) t.equal(peers.ownerOf(one), other)
  return one
}

t.test('a connection that has asked before hears of every change', async (t) => {
  const peers = setUp()
  const one = asked(peers)
  peers.update([self, successor], all(1))
  t.equal(peers.ownerOf(one), successor)
  peers.update([self, successor], all(0))
  t.equal(peers.ownerOf(one), 'mine')
  peers.update([self], all(1))
  t.equal(peers.ownerOf(one), 'away')
  peers.update([self, successor], all(1))
  t.equal(peers.ownerOf(one), successor, 'back again')
})

t.test('and of one that can not be reached', async (t) => {
  const peers = setUp()
  const one = asked(peers)
  peers.lost(other)
  t.equal(peers.ownerOf(one), 'away')
})

t.test('on one connection each request is of its own session', async (t) => {
  const peers = setUp()
  const socket = {}
  const anonymous = request({ socket, rawHeaders: ['Accept', '*/*'] })
  for (let i = 0; i < 2; i++) {
    t.equal(peers.ownerOf(request({ socket })), other)
    t.equal(peers.ownerOf(anonymous), 'free')
    t.equal(peers.ownerOf(anonymous, 1), other, 'of a connection that came from there')
  }
})

t.test('a session that nobody has any more is nobody in particular', async (t) => {
  const peers = new Peers([{ cookie: 'seat' }], me, 1_000, realWorld)
  peers.update([self, other], all(1))
  for (const seat of ['', '%', 'garbage', identityText({ worker: 1, instance: 10 })]) {
    const one = request({ rawHeaders: ['Cookie', `seat=${seat}`] })
    t.equal(peers.ownerOf(one), 'free', seat)
    t.equal(peers.ownerOf(one, 1), other, 'of a connection that came from there')
  }
})

t.test('nothing is remembered on what streams share, or what is to be upgraded', async (t) => {
  const peers = setUp()
  for (const more of [{ httpVersionMajor: 2 }, { upgrade: true }]) {
    const socket = Object.freeze({})
    t.equal(peers.ownerOf(request({ ...more, socket })), other)
  }
  t.throws(() => peers.ownerOf(request({ socket: Object.freeze({}) })), 'else it would be')
})
