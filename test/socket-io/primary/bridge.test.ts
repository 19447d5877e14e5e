import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { AdapterMessage } from '../../../src/socket-io/adapter-message.ts'
import { Bridge } from '../../../src/socket-io/primary/bridge.ts'
import type { RedisTarget } from '../../../src/redis/target.ts'
import { until } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { startCluster, startRedis } from '../../support/redis.ts'

const skip = missing('redis-server')

const from = (uid: string, more: Partial<AdapterMessage> = {}): AdapterMessage => ({
  source: '_sio_adapter',
  uid,
  nsp: '/',
  type: 3,
  ...more,
})
const said = (uid: string, text: string, more: Partial<AdapterMessage> = {}) =>
  from(uid, { packed: Buffer.from(text), ...more })

/** A host whose workers are a list of nodes, and which notes what they would get. */
function host(t: Test, redis: RedisTarget, nodes: string[], prefix = 'test', maxInFlight?: number) {
  const got: AdapterMessage[] = []
  const log: string[] = []
  let lost = 0
  const events = {
    deliver: (message: AdapterMessage) => void got.push(message),
    nodes: () => nodes.map((uid): [string, string] => [uid, '/']),
    up: () => void log.push('up'),
    down: () => void log.push('down'),
    refused: (command: string, reason: string) => void log.push(`refused ${command}: ${reason}`),
    joined: () => void log.push('joined'),
    left: (_: string, reason: string) => void log.push(`left: ${reason}`),
    unreadable: () => void log.push('unreadable'),
    lost: () => void lost++,
  }
  const bridge = new Bridge(redis, prefix, events, maxInFlight)
  t.teardown(() => bridge.close())
  return {
    bridge,
    log,
    got,
    texts: () => got.flatMap(({ packed }) => (packed === undefined ? [] : [Buffer.from(packed as Buffer).toString()])),
    /** Uids of the nodes elsewhere that the workers here have been told of. */
    knows() {
      const known = new Set<string>()
      for (const { uid, type } of got) {
        if (type === 13) known.delete(uid)
        else known.add(uid)
      }
      return [...known].toSorted()
    },
    get lostEvents() {
      return lost
    },
  }
}

t.test('hosts hear of each other and of their nodes, and when one goes', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const a = host(t, url, ['a1', 'a2'])
  await until('a is up', () => a.bridge.status.connected)
  const b = host(t, url, ['b1'])
  const c = host(t, url, [])
  await until('all know all', () => [a, b, c].every(({ bridge }) => bridge.status.hosts === 2))
  await until('and their nodes', () => a.knows().length === 1 && b.knows().length === 2 && c.knows().length === 3)
  t.strictSame([a.knows(), b.knows(), c.knows()], [['b1'], ['a1', 'a2'], ['a1', 'a2', 'b1']])
  await b.bridge.close()
  await until('b is gone', () => a.bridge.status.hosts === 1 && c.bridge.status.hosts === 1)
  t.strictSame([a.knows(), c.knows()], [[], ['a1', 'a2']])
  t.equal(a.log.at(-1), 'left: it said goodbye')
})

t.test('what a node says goes to every other host once, in its order, and not back', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const [a, b, c] = [host(t, url, ['a1']), host(t, url, ['b1']), host(t, url, ['c1'])]
  await until('all know all', () => [a, b, c].every(({ bridge }) => bridge.status.hosts === 2))
  const texts = Array.from({ length: 2_000 }, (_, n) => `${n}`)
  // In one turn of the loop and in several, small and large.
  for (const [n, text] of texts.entries()) {
    a.bridge.send(said('a1', n % 100 === 0 ? text.padStart(100_000) : text))
    if (n % 7 === 0) await new Promise((done) => setImmediate(done))
  }
  await until('all is there', () => b.texts().length >= 2_000 && c.texts().length >= 2_000)
  for (const { texts: heard } of [b, c]) {
    t.strictSame(
      heard().map((text) => text.trimStart()),
      texts,
    )
  }
  b.bridge.send(said('b1', 'the end'))
  await until('the end is there', () => a.texts().length > 0 && c.texts().length > 2_000)
  t.strictSame(a.texts(), ['the end'], 'nothing of its own came back')
  t.match(a.bridge.status, { sent: 2_000, received: 1, lost: 0 })
})

t.test('an answer goes to the host of the node that asked, and to nobody else', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const [a, b, c] = [host(t, url, ['a1']), host(t, url, ['b1', 'b2']), host(t, url, ['c1'])]
  await until('all know all', () => [a, b, c].every(({ knows }) => knows().length >= 2))
  a.bridge.send(said('a1', 'answer', { requesterUid: 'b2' }))
  a.bridge.send(said('a1', 'nobody asked', { requesterUid: 'x' }))
  a.bridge.send(said('a1', 'last'))
  await until('the last is there', () => [b, c].every(({ texts }) => texts().includes('last')))
  t.strictSame([b.texts(), c.texts()], [['answer', 'last'], ['last']])
  t.match(
    b.got.find(({ requesterUid }) => requesterUid !== undefined),
    { uid: 'a1', requesterUid: 'b2' },
  )
})

t.test('applications with another prefix hear nothing', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const [a, b, other] = [host(t, url, ['a1']), host(t, url, ['b1']), host(t, url, ['x1'], 'other')]
  await until('two know each other', () => a.bridge.status.hosts === 1 && b.bridge.status.hosts === 1)
  await until('the other one is up', () => other.bridge.status.connected)
  a.bridge.send(said('a1', 'news'))
  await until('it is there', () => b.texts().length === 1)
  t.match(other, { got: [], bridge: { status: { hosts: 0 } } })
})

t.test('a host that is cut off is missed at the next word, not after its heartbeats', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const admin = new Redis(url)
  t.teardown(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'b', 'on', '>secret', '+@all', 'allchannels')
  const b = host(t, { path: url, username: 'b', password: 'secret' }, ['b1'])
  const [a, c] = [host(t, url, ['a1']), host(t, url, ['c1'])]
  await until('all know all', () => [a, b, c].every(({ knows }) => knows().length === 2))
  // As in a crash, Redis sees the end of its connections, and no goodbye is said.
  await admin.call('ACL', 'SETUSER', 'b', 'off')
  await admin.call('CLIENT', 'KILL', 'USER', 'b')
  await until('b is cut off', () => !b.bridge.status.connected)
  a.bridge.send(said('a1', 'who is there?'))
  await until('b is missed', () => a.knows().length === 1)
  t.strictSame(a.knows(), ['c1'])
  t.equal(a.log.at(-1), 'left: its connection to Redis is gone')
  await admin.call('ACL', 'SETUSER', 'b', 'on')
  await until('b is back', () => [a, b, c].every(({ knows }) => knows().length === 2))
})

t.test(
  'while Redis is away the other hosts are gone and words are counted; then all is as before',
  { skip },
  async (t) => {
    const redis = await startRedis(t)
    const [a, b] = [host(t, redis.url, ['a1']), host(t, redis.url, ['b1'])]
    a.bridge.send(said('a1', 'too early'))
    t.equal(a.bridge.status.lost, 1, 'before the first connection, too')
    await until('they know each other', () => a.knows().length === 1 && b.knows().length === 1)
    await redis.kill()
    await until('it is noticed', () => [a, b].every(({ bridge }) => !bridge.status.connected))
    t.strictSame([a.knows(), b.knows()], [[], []])
    for (let n = 0; n < 1_000; n++) a.bridge.send(said('a1', `lost ${n}`))
    a.bridge.send(from('a1', { type: 2 }))
    t.match(a.bridge.status, { connected: false, hosts: 0, lost: 1_001 }, 'a heartbeat does not count')
    await redis.start()
    await until('they know each other again', () => a.knows().length === 1 && b.knows().length === 1)
    a.bridge.send(said('a1', 'again'))
    await until('it is there', () => b.texts().length > 0)
    t.strictSame(b.texts(), ['again'])
    t.strictSame(a.log, ['up', 'joined', 'down', 'up', 'joined'], 'each change is told once')
  },
)

t.test('a Redis that hangs does not fill the memory', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [a, b] = [host(t, redis.url, ['a1'], 'test', 1_000_000), host(t, redis.url, ['b1'])]
  await until('they know each other', () => a.knows().length === 1 && b.knows().length === 1)
  redis.freeze()
  for (let n = 0; n < 300; n++) {
    a.bridge.send(said('a1', 'x'.repeat(10_000)))
    if (n % 10 === 0) await new Promise((done) => setImmediate(done))
  }
  await new Promise((done) => setImmediate(done))
  const { lost } = a.bridge.status
  t.ok(lost > 200 && lost < 300, `${lost} of 300 are lost`)
  redis.thaw()
  await until('the others arrive', () => b.texts().length === 300 - lost)
  a.bridge.send(said('a1', 'on it goes'))
  await until('and what comes then', () => b.texts().includes('on it goes'))
  t.equal(a.bridge.status.lost, lost)
})

t.test('what cannot be read is told once and does no harm', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const [a, b] = [host(t, url, ['a1']), host(t, url, ['b1'])]
  await until('they know each other', () => a.knows().length === 1 && b.knows().length === 1)
  const stranger = new Redis(url)
  t.teardown(() => stranger.disconnect())
  for (const junk of ['', 'hello', Buffer.alloc(100, 255)]) await stranger.publish('{test-bridge}', junk)
  a.bridge.send(said('a1', 'still here'))
  await until('it is there', () => b.texts().length === 1)
  t.equal(b.log.filter((line) => line === 'unreadable').length, 1)
})

t.test('Redis that does not allow it is named', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const admin = new Redis(url)
  t.teardown(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '+@all', '-subscribe', 'resetchannels')
  const a = host(t, { path: url, username: 'app', password: 'secret' }, ['a1'])
  await until('it is told', () => a.log.length > 0)
  t.match(a.log[0], /^refused subscribe: NOPERM/)
  t.match(a.bridge.status, { connected: false })
})

t.test('over a Cluster words keep their order, and a host that goes is missed', { skip }, async (t) => {
  const nodes = await startCluster(t, 3)
  const redis = { cluster: [`redis://127.0.0.1:${nodes[0]!.port}`] }
  const [a, b] = [host(t, redis, ['a1']), host(t, redis, ['b1'])]
  await until('they know each other', () => a.knows().length === 1 && b.knows().length === 1)
  const texts = Array.from({ length: 1_000 }, (_, n) => `${n}`)
  for (const text of texts) {
    a.bridge.send(said('a1', text))
    await new Promise((done) => setImmediate(done))
  }
  await until('all is there', () => b.texts().length >= 1_000)
  t.strictSame(b.texts(), texts)
  await b.bridge.close()
  await until('b is gone', () => a.knows().length === 0)
})
