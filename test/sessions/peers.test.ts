import t from 'tap'
import { identityText } from '../../src/affinity/session.ts'
import type { Peer } from '../../src/ipc/messages.ts'
import type { SessionRequest } from '../../src/options/options.ts'
import { Peers } from '../../src/sessions/peers.ts'
import { SimulatedWorld } from '../support/simulated-world.ts'

const self: Peer = { worker: 0, instance: 7, draining: false }
const other: Peer = { worker: 1, instance: 8, draining: false }
const successor: Peer = { worker: 1, instance: 9, draining: false }

/** All 256 slots with one owner. */
const allSlots = (worker: number): number[] => Array.from({ length: 256 }, () => worker)

function setUp(rule: object = { header: 'x-user' }) {
  const randomBytes = (size: number) => Buffer.alloc(size, 0xff)
  const world = Object.assign(new SimulatedWorld(), { randomBytes })
  const peers = new Peers([rule as { header: string }], self, 1_000, world)
  peers.update([self, other], allSlots(1))
  return { peers, world }
}

function request(more: object = {}): SessionRequest {
  return { httpVersionMajor: 1, socket: {}, headers: {}, rawHeaders: ['X-User', 'u1'], ...more } as SessionRequest
}

/** A request on a connection that remembers its owner, as most requests are. */
function remembered(peers: Peers): SessionRequest {
  const one = request()
  for (let i = 0; i < 2; i++) t.equal(peers.ownerOf(one), other)
  return one
}

t.test('an update changes the owner of a request on a connection that remembers the last one', async (t) => {
  const { peers } = setUp()
  const one = remembered(peers)
  peers.update([self, successor], allSlots(1))
  t.equal(peers.ownerOf(one), successor)
  peers.update([self, successor], allSlots(0))
  t.equal(peers.ownerOf(one), 'self')
  peers.update([self], allSlots(1))
  t.equal(peers.ownerOf(one), 'unavailable')
  peers.update([self, successor], allSlots(1))
  t.equal(peers.ownerOf(one), successor, 'back again')
})

t.test('the owner is unavailable after the process was removed', async (t) => {
  const { peers } = setUp()
  const one = remembered(peers)
  peers.remove(other)
  t.equal(peers.ownerOf(one), 'unavailable')
})

t.test('a held request goes to the process that comes back as its worker, and leaves no timer', async (t) => {
  const { peers, world } = setUp()
  peers.update([self], allSlots(1))
  const owners: unknown[] = []
  peers.waitForOwner(request(), undefined, (owner) => owners.push(owner))
  t.equal(world.pending, 1)
  peers.update([self], allSlots(1))
  t.strictSame(owners, [], 'the worker is still unavailable')
  peers.update([self, successor], allSlots(1))
  t.strictSame(owners, [successor])
  t.equal(world.pending, 0)
})

t.test('a held request has no owner after the hold timeout', async (t) => {
  const { peers, world } = setUp()
  peers.update([self], allSlots(1))
  const owners: unknown[] = []
  peers.waitForOwner(request(), undefined, (owner) => owners.push(owner))
  world.advance(999)
  t.strictSame(owners, [])
  world.advance(1)
  t.strictSame(owners, ['none'])
  peers.update([self, successor], allSlots(1))
  t.strictSame(owners, ['none'], 'once only')
})

t.test('each request on a connection belongs to its own session', async (t) => {
  const { peers } = setUp()
  const socket = {}
  const anonymous = request({ socket, rawHeaders: ['Accept', '*/*'] })
  for (let i = 0; i < 2; i++) {
    t.equal(peers.ownerOf(request({ socket })), other)
    t.equal(peers.ownerOf(anonymous), 'none')
    t.equal(peers.ownerOf(anonymous, 1), other, 'on a connection that worker 1 transferred')
  }
})

t.test('a session that no running process has belongs to no process', async (t) => {
  const { peers } = setUp({ cookie: 'seat' })
  for (const seat of ['', '%', 'garbage', identityText({ worker: 1, instance: 10 })]) {
    const one = request({ rawHeaders: ['Cookie', `seat=${seat}`] })
    t.equal(peers.ownerOf(one), 'none', seat)
    t.equal(peers.ownerOf(one, 1), other, 'on a connection that worker 1 transferred')
  }
})

t.test('a new session id and the affinity cookie lead to this process', async (t) => {
  const { peers } = setUp({ cookie: 'seat' })
  t.equal(peers.ownerOf(request({ rawHeaders: ['Cookie', `seat=${peers.identity}`] })), 'self')
  t.match(peers.createSessionId(), /^[\w-]{20}$/)
  t.equal(peers.createSessionId().slice(0, 5), peers.identity.slice(0, 5))
})

t.test('nothing is remembered on a socket that HTTP/2 streams share, nor for an upgrade', async (t) => {
  const { peers } = setUp()
  for (const more of [{ httpVersionMajor: 2 }, { upgrade: true }]) {
    const socket = Object.freeze({})
    t.equal(peers.ownerOf(request({ ...more, socket })), other)
  }
  t.throws(() => peers.ownerOf(request({ socket: Object.freeze({}) })), 'any other socket is written to')
})

t.test('a cookie of an ended process hides no cookie of the same name that names a process', async (t) => {
  const { peers } = setUp({ cookie: 'seat' })
  const [ended, there, here] = [{ worker: 1, instance: 99 }, other, self].map(identityText)
  const ownerOf = (...cookies: string[]) =>
    peers.ownerOf(request({ rawHeaders: cookies.flatMap((line) => ['Cookie', line]) }))
  t.equal(ownerOf(`seat=${ended}; seat=${there}`), other)
  t.equal(ownerOf(`seat=${ended}`, `seat=${there}`), other)
  t.equal(ownerOf(`seat=${ended}; seat=${here}`), 'self')
  t.equal(ownerOf(`seat=${ended}; seat=x`), 'none')
  peers.update([self], allSlots(0))
  t.equal(ownerOf(`seat=${there}; seat=${here}`), 'self', 'the first process has ended since')
})
