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
const message = (uid: string, text: string, more: Partial<AdapterMessage> = {}) =>
  from(uid, { packed: Buffer.from(text), ...more })

/** A host whose workers are a list of nodes; it keeps the messages for them. */
function host(t: Test, redis: RedisTarget, nodes: string[], prefix = 'test', maxInFlight?: number) {
  const received: AdapterMessage[] = []
  const log: string[] = []
  let lost = 0
  const events = {
    deliver: (one: AdapterMessage) => void received.push(one),
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
    received,
    texts: () =>
      received.flatMap(({ packed }) => (packed === undefined ? [] : [Buffer.from(packed as Buffer).toString()])),
    /** Uids of the nodes of other hosts that the workers of this host know. */
    knows() {
      const known = new Set<string>()
      for (const { uid, type } of received) {
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

t.test('hosts learn of each other, of their nodes, and of a host that leaves', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const a = host(t, url, ['a1', 'a2'])
  await until('a is up', () => a.bridge.status.connected)
  const b = host(t, url, ['b1'])
  const c = host(t, url, [])
  await until('all hosts know each other', () => [a, b, c].every(({ bridge }) => bridge.status.hosts === 2))
  await until('all nodes are known', () => a.knows().length === 1 && b.knows().length === 2 && c.knows().length === 3)
  t.strictSame([a.knows(), b.knows(), c.knows()], [['b1'], ['a1', 'a2'], ['a1', 'a2', 'b1']])
  await b.bridge.close()
  await until('b has left', () => a.bridge.status.hosts === 1 && c.bridge.status.hosts === 1)
  t.strictSame([a.knows(), c.knows()], [[], ['a1', 'a2']])
  t.equal(a.log.at(-1), 'left: it said goodbye')
})

t.test(
  'messages of a node arrive once at every other host, in their order, and not at its own',
  { skip },
  async (t) => {
    const { url } = await startRedis(t)
    const [a, b, c] = [host(t, url, ['a1']), host(t, url, ['b1']), host(t, url, ['c1'])]
    await until('all hosts know each other', () => [a, b, c].every(({ bridge }) => bridge.status.hosts === 2))
    const texts = Array.from({ length: 2_000 }, (_, n) => `${n}`)
    // In one turn of the loop and in several, small and large.
    for (const [n, text] of texts.entries()) {
      a.bridge.send(message('a1', n % 100 === 0 ? text.padStart(100_000) : text))
      if (n % 7 === 0) await new Promise((done) => setImmediate(done))
    }
    await until('all messages arrive', () => b.texts().length >= 2_000 && c.texts().length >= 2_000)
    for (const { texts: textsOf } of [b, c]) {
      t.strictSame(
        textsOf().map((text) => text.trimStart()),
        texts,
      )
    }
    b.bridge.send(message('b1', 'the end'))
    await until('the last message arrives', () => a.texts().length > 0 && c.texts().length > 2_000)
    t.strictSame(a.texts(), ['the end'], 'its own messages do not come back')
    t.match(a.bridge.status, { sent: 2_000, received: 1, lost: 0 })
  },
)

t.test('an answer goes to the host of the node that sent the request, and to no other one', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const [a, b, c] = [host(t, url, ['a1']), host(t, url, ['b1', 'b2']), host(t, url, ['c1'])]
  await until('all hosts know each other', () => [a, b, c].every(({ knows }) => knows().length >= 2))
  a.bridge.send(message('a1', 'answer', { requesterUid: 'b2' }))
  a.bridge.send(message('a1', 'no request', { requesterUid: 'x' }))
  a.bridge.send(message('a1', 'last'))
  await until('the last message arrives', () => [b, c].every(({ texts }) => texts().includes('last')))
  t.strictSame([b.texts(), c.texts()], [['answer', 'last'], ['last']])
  t.match(
    b.received.find(({ requesterUid }) => requesterUid !== undefined),
    { uid: 'a1', requesterUid: 'b2' },
  )
})

t.test('an application with another prefix gets no messages', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const [a, b, other] = [host(t, url, ['a1']), host(t, url, ['b1']), host(t, url, ['x1'], 'other')]
  await until('two hosts know each other', () => a.bridge.status.hosts === 1 && b.bridge.status.hosts === 1)
  await until('the third one is connected', () => other.bridge.status.connected)
  a.bridge.send(message('a1', 'news'))
  await until('the message arrives', () => b.texts().length === 1)
  t.match(other, { received: [], bridge: { status: { hosts: 0 } } })
})

t.test('the loss of a host shows with the next message, before its heartbeats are missing', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const admin = new Redis(url)
  t.teardown(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'b', 'on', '>secret', '+@all', 'allchannels')
  const b = host(t, { path: url, username: 'b', password: 'secret' }, ['b1'])
  const [a, c] = [host(t, url, ['a1']), host(t, url, ['c1'])]
  await until('all hosts know each other', () => [a, b, c].every(({ knows }) => knows().length === 2))
  // As in a crash, Redis sees the end of the connections, and no goodbye is sent.
  await admin.call('ACL', 'SETUSER', 'b', 'off')
  await admin.call('CLIENT', 'KILL', 'USER', 'b')
  await until('b is cut off', () => !b.bridge.status.connected)
  a.bridge.send(message('a1', 'any message'))
  await until('b is removed', () => a.knows().length === 1)
  t.strictSame(a.knows(), ['c1'])
  t.equal(a.log.at(-1), 'left: its connection to Redis is gone')
  await admin.call('ACL', 'SETUSER', 'b', 'on')
  await until('b is back', () => [a, b, c].every(({ knows }) => knows().length === 2))
})

t.test(
  'while Redis is away the other hosts are gone and lost messages are counted; later all hosts are back',
  { skip },
  async (t) => {
    const redis = await startRedis(t)
    const [a, b] = [host(t, redis.url, ['a1']), host(t, redis.url, ['b1'])]
    a.bridge.send(message('a1', 'too early'))
    t.equal(a.bridge.status.lost, 1, 'also before the first connection')
    await until('the hosts know each other', () => a.knows().length === 1 && b.knows().length === 1)
    await redis.kill()
    await until('the loss is noticed', () => [a, b].every(({ bridge }) => !bridge.status.connected))
    t.strictSame([a.knows(), b.knows()], [[], []])
    for (let n = 0; n < 1_000; n++) a.bridge.send(message('a1', `lost ${n}`))
    a.bridge.send(from('a1', { type: 2 }))
    t.match(a.bridge.status, { connected: false, hosts: 0, lost: 1_001 }, 'a heartbeat does not count')
    await redis.start()
    await until('the hosts know each other again', () => a.knows().length === 1 && b.knows().length === 1)
    a.bridge.send(message('a1', 'again'))
    await until('the message arrives', () => b.texts().length > 0)
    t.strictSame(b.texts(), ['again'])
    t.strictSame(a.log, ['up', 'joined', 'down', 'up', 'joined'], 'each change is one event')
  },
)

t.test('a Redis that hangs does not fill the memory', { skip }, async (t) => {
  const redis = await startRedis(t)
  const [a, b] = [host(t, redis.url, ['a1'], 'test', 1_000_000), host(t, redis.url, ['b1'])]
  await until('the hosts know each other', () => a.knows().length === 1 && b.knows().length === 1)
  redis.freeze()
  for (let n = 0; n < 300; n++) {
    a.bridge.send(message('a1', 'x'.repeat(10_000)))
    if (n % 10 === 0) await new Promise((done) => setImmediate(done))
  }
  await new Promise((done) => setImmediate(done))
  const { lost } = a.bridge.status
  t.ok(lost > 200 && lost < 300, `${lost} of 300 are lost`)
  redis.thaw()
  await until('the other messages arrive', () => b.texts().length === 300 - lost)
  a.bridge.send(message('a1', 'later'))
  await until('a later message arrives', () => b.texts().includes('later'))
  t.equal(a.bridge.status.lost, lost)
})

t.test('bytes that cannot be read are one event, and later messages arrive', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const [a, b] = [host(t, url, ['a1']), host(t, url, ['b1'])]
  await until('the hosts know each other', () => a.knows().length === 1 && b.knows().length === 1)
  const stranger = new Redis(url)
  t.teardown(() => stranger.disconnect())
  for (const junk of ['', 'hello', Buffer.alloc(100, 255)]) await stranger.publish('{test-bridge}', junk)
  a.bridge.send(message('a1', 'still here'))
  await until('the message arrives', () => b.texts().length === 1)
  t.equal(b.log.filter((line) => line === 'unreadable').length, 1)
})

t.test('a refusal of Redis is one event with the command', { skip }, async (t) => {
  const { url } = await startRedis(t)
  const admin = new Redis(url)
  t.teardown(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '+@all', '-subscribe', 'resetchannels')
  const a = host(t, { path: url, username: 'app', password: 'secret' }, ['a1'])
  await until('the refusal is an event', () => a.log.length > 0)
  t.match(a.log, [/^refused subscribe: NOPERM/])
  t.equal(a.log.length, 1)
  t.match(a.bridge.status, { connected: false })
})

t.test('over a Cluster messages keep their order, and a host that leaves is removed', { skip }, async (t) => {
  const nodes = await startCluster(t, 3)
  const redis = { cluster: [`redis://127.0.0.1:${nodes[0]!.port}`] }
  const [a, b] = [host(t, redis, ['a1']), host(t, redis, ['b1'])]
  await until('the hosts know each other', () => a.knows().length === 1 && b.knows().length === 1)
  const texts = Array.from({ length: 1_000 }, (_, n) => `${n}`)
  for (const text of texts) {
    a.bridge.send(message('a1', text))
    await new Promise((done) => setImmediate(done))
  }
  await until('all messages arrive', () => b.texts().length >= 1_000)
  t.strictSame(b.texts(), texts)
  await b.bridge.close()
  await until('b has left', () => a.knows().length === 0)
})
