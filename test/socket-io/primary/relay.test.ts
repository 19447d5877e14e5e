import t from 'tap'
import { relaySocketIO } from '../../../src/socket-io/primary/relay.ts'
import { startBalancer } from '../../support/balancer.ts'
import { request, until } from '../../support/clients.ts'
import { visit } from '../../support/socket-io.ts'

t.test('no worker waits for the answers of one that has crashed', async (t) => {
  const options = { workers: 3, restart: { minDelay: 60_000, maxDelay: 60_000 } }
  const balancer = await startBalancer(t, { fixture: 'socket-io-app', options })
  const { port } = balancer
  const here = (await balancer.explain('127.0.0.1')).worker
  await until('all three nodes know each other', async () => (await request({ port }))['nodes'] === 3)

  const gone = balancer.event('worker:exit')
  process.kill(await balancer.pid((here + 1) % 3), 'SIGKILL')
  await gone
  // Left to itself, the adapter takes 10 s to notice and rejects fetchSockets() meanwhile.
  await until('the others know', async () => (await request({ port }))['nodes'] === 2, 3_000)
  t.match(await request({ port }), { sockets: 0 })
})

/** Three workers that keep their messages, and their relay. */
function family() {
  const workers = ['a', 'b', 'c'].map((name) => {
    const received: unknown[] = []
    return { name, received, relay: (message: unknown) => void received.push(message) }
  })
  const [a, b, c] = workers as [(typeof workers)[0], (typeof workers)[0], (typeof workers)[0]]
  return { a, b, c, workers, relay: relaySocketIO(() => workers) }
}

const from = (uid: string, more: object = {}) => ({ source: '_sio_adapter', type: 3, nsp: '/', uid, ...more })

t.test('a message of a node goes once to every other worker, and not to its own', async (t) => {
  const { a, b, c, relay } = family()
  relay.pass(a, from('a1', { data: 1 }))
  t.strictSame([a.received, b.received, c.received], [[], [from('a1', { data: 1 })], [from('a1', { data: 1 })]])
})

t.test('an answer goes to the worker of the node that sent the request, and to no other one', async (t) => {
  const { a, b, c, relay } = family()
  for (const [worker, uid] of [
    [a, 'a1'],
    [a, 'a2'],
    [b, 'b1'],
    [c, 'c1'],
  ] as const) {
    relay.pass(worker, from(uid))
  }
  for (const { received } of [a, b, c]) received.length = 0
  const answer = from('c1', { requesterUid: 'a2' })
  relay.pass(c, answer)
  t.strictSame([a.received, b.received, c.received], [[answer], [], []])
  relay.pass(c, from('c1', { requesterUid: 'unknown' }))
  t.strictSame([a.received.length, b.received.length], [1, 0])
})

t.test("messages that are not the adapter's are ignored", async (t) => {
  const { a, b, c, relay } = family()
  for (const message of [null, undefined, 'text', 7, {}, { source: 'mine' }, [], { holdfast: { type: 'ack' } }]) {
    relay.pass(a, message)
  }
  t.strictSame([a.received, b.received, c.received], [[], [], []])
})

t.test('when a worker ends, the others get one goodbye of each of its nodes', async (t) => {
  const { a, b, c, relay } = family()
  relay.pass(a, from('a1'))
  relay.pass(a, from('a2', { nsp: '/chat' }))
  relay.pass(a, from('a1'))
  for (const { received } of [a, b, c]) received.length = 0
  relay.gone(a)
  const goodbyes = [
    { source: '_sio_adapter', type: 13, uid: 'a1', nsp: '/' },
    { source: '_sio_adapter', type: 13, uid: 'a2', nsp: '/chat' },
  ]
  t.strictSame([a.received, b.received, c.received], [[], goodbyes, goodbyes])
  relay.gone(a)
  relay.gone({ ...a })
  t.equal(b.received.length, 2, 'none for a worker without messages')
})

t.test('messages for a worker that hangs do not fill the memory of the primary', async (t) => {
  const options = { workers: 2, health: { deadline: 120_000 }, limits: { holdTimeout: 120_000 } }
  const balancer = await startBalancer(t, { fixture: 'socket-io-app', options, env: { REDIS_URL: '' } })
  const [sender, listener] = await Promise.all([0, 1].map((worker) => visit(t, { balancer, worker })))
  process.kill(listener!.pid, 'SIGSTOP')
  const much = Buffer.alloc(512 * 1024)
  for (let n = 0; n < 120; n++) await sender!.call('namespace', ['emit', 'flood', n, much])
  const dropped = async () => (await balancer.status()).workers[1]!.dropped
  await until('the dropped messages are counted', async () => (await dropped()) >= 40)
  process.kill(listener!.pid, 'SIGCONT')
  await until('the messages that waited arrive', () => listener!.received('flood').length >= 60)
  await sender!.call('namespace', ['emit', 'flood', 'later'])
  await until('a later message arrives', () => listener!.received('flood').includes('later'))
  t.equal(listener!.received('flood').length - 1 + (await dropped()), 120, 'every lost message is counted')
  t.equal(sender!.received('flood').length, 121)
})
