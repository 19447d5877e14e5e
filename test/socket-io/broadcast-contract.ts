// The messages that clients get, on any worker.
import type { Test } from 'tap'
import { until } from '../support/clients.ts'
import { ids, inOrder, receiversOf, without, type Crowd } from '../support/crowd.ts'

const binary = Buffer.from([0, 1, 127, 128, 255])

/** @param disorder - why messages may arrive in another order, where they may */
export async function broadcastContract(t: Test, crowd: Crowd, disorder?: string): Promise<void> {
  const { visitors, settled, join, places } = crowd
  const workers = places.length

  await t.test('a broadcast reaches every client once', async (t) => {
    const all = await visitors(t)
    t.equal(new Set(all.map(({ pid }) => pid)).size, workers, 'the clients are on different workers')
    await all[0].call('namespace', ['emit', 'news', 1])
    await all[1].call('namespace', ['emit', 'news', 2])
    await settled(all)
    for (const { received } of all) t.same(inOrder(received('news')), [1, 2])
    await all[1].call('socket', 'broadcast', ['emit', 'others'])
    await settled(all)
    t.strictSame(receiversOf(all, 'others'), ids(without(all, all[1])))
  })

  const order = disorder === undefined ? 'in their order' : `once, in any order: ${disorder}`
  await t.test(`messages of one worker arrive ${order}`, async (t) => {
    const all = await visitors(t)
    const numbers = Array.from({ length: 300 }, (_, n) => n)
    await Promise.all(numbers.map((n) => all[0].call('namespace', ['emit', 'number', n])))
    if (disorder === undefined) await settled(all)
    else
      await until('all messages arrive', () => all.every(({ received }) => received('number').length >= numbers.length))
    for (const { received } of all) {
      t.strictSame(disorder === undefined ? received('number') : inOrder(received('number') as number[]), numbers)
    }
  })

  await t.test('a message for rooms arrives at their clients, once at a client in two of them', async (t) => {
    const all = await visitors(t)
    const [a, b, c] = all
    await join(a, 'red')
    await join(b, 'red', 'blue')
    await join(c, 'green')
    await c.call('namespace', ['to', 'red'], ['emit', 'one'])
    await a.call('namespace', ['to', 'red'], ['to', 'blue'], ['emit', 'two'])
    await a.call('namespace', ['to', 'empty'], ['emit', 'none'])
    await b.call('socket', ['to', 'red'], ['emit', 'neighbours'])
    await settled(all)
    t.strictSame(receiversOf(all, 'one'), ids([a, b]))
    t.strictSame(receiversOf(all, 'two'), ids([a, b]))
    t.strictSame(receiversOf(all, 'none'), [])
    t.strictSame(receiversOf(all, 'neighbours'), ids([a]), 'and not at the sender')
    await b.call('socket', ['leave', 'red'])
    await c.call('namespace', ['to', 'red'], ['emit', 'after'])
    await settled(all)
    t.strictSame(receiversOf(all, 'after'), ids([a]))
  })

  await t.test('a message for the id of a socket arrives, on any worker', async (t) => {
    const all = await visitors(t)
    await all[0].call('namespace', ['to', all[1].id], ['emit', 'private'])
    await settled(all)
    t.strictSame(receiversOf(all, 'private'), ids([all[1]]))
  })

  await t.test('except leaves out rooms and sockets', async (t) => {
    const all = await visitors(t)
    const [a, b, c] = all
    await join(b, 'quiet')
    await a.call('namespace', ['except', 'quiet'], ['emit', 'loud'])
    await b.call('namespace', ['except', c.id], ['emit', 'secret'])
    await a.call('socket', ['except', 'quiet'], ['emit', 'both'])
    await settled(all)
    t.strictSame(receiversOf(all, 'loud'), ids(without(all, b)))
    t.strictSame(receiversOf(all, 'secret'), ids(without(all, c)))
    t.strictSame(receiversOf(all, 'both'), ids(without(all, a, b)))
  })

  await t.test('a local message stays on the worker, a volatile one goes everywhere', async (t) => {
    const all = await visitors(t)
    await all[0].call('namespace', 'local', ['emit', 'local'])
    await settled(all)
    t.strictSame(receiversOf(all, 'local'), ids([all[0], all.at(-1)!]))
    // A volatile message is dropped while its connection is writing another one.
    await until('all clients have a volatile message', async () => {
      await all[1].call('namespace', 'volatile', ['emit', 'volatile'])
      await settled(all)
      return all.every(({ received }) => received('volatile').length > 0)
    })
  })

  await t.test('messages stay in their namespace, also in one that is created later', async (t) => {
    const all = await visitors(t)
    for (const namespace of ['/other', '/dynamic-1']) {
      const there = await visitors(t, { namespace })
      const known = async () => (await there[0].call('adapter', ['serverCount'])) === workers
      await until(`${namespace} knows all workers`, known)
      await there[0].call('namespace', ['emit', 'gossip', namespace])
      await settled(there)
      for (const { received } of there) t.strictSame(received('gossip'), [namespace])
    }
    await settled(all)
    t.strictSame(receiversOf(all, 'gossip'), [])
  })

  await t.test('binary arrives as binary, in broadcasts and in answers', async (t) => {
    const all = await visitors(t)
    const [a, b] = all
    const given = { deep: [binary, { text: 'ünïcode \u0000 ✓', nothing: null }] }
    for (const { socket } of all) {
      socket.on('question', (question: typeof given, answer: (back: object) => void) => answer({ back: question }))
    }
    await a.call('namespace', ['emit', 'picture', given])
    await settled(all)
    for (const { received } of all) t.strictSame(received('picture'), [given])
    const answers = await b.call('namespace', ['timeout', 5_000], ['emitWithAck', 'question', given])
    t.strictSame(
      answers,
      all.map(() => ({ back: given })),
    )
  })

  await t.test('the result of toJSON() arrives at the clients of all workers', async (t) => {
    const all = await visitors(t)
    for (const { socket } of all.slice(0, 2)) socket.emit('describe')
    await settled(all)
    const expected = {
      url: 'http://127.0.0.1/page',
      price: '3 EUR',
      prices: ['3 EUR', { deep: '3 EUR' }],
      date: '1970-01-01T00:00:00.000Z',
      map: {},
      bytes: Buffer.from([0, 1, 255]),
      buffer: Buffer.from([7]),
    }
    for (const { received } of all) t.strictSame(received('description'), [expected, expected])
  })

  await t.test('data that cannot be sent throws at the call, and reaches neither clients nor workers', async (t) => {
    const all = await visitors(t)
    const errors = (await all[0].socket.timeout(20_000).emitWithAck('refuse')) as Record<string, string>
    for (const [call, error] of Object.entries(errors)) {
      const isPromise = call.startsWith('emitWithAck:') || call.startsWith('serverSideEmitWithAck:')
      // The parser has no check of its own for a reference back.
      const name = /^emit.*circular/.test(call) ? 'RangeError' : 'TypeError'
      t.equal(error, isPromise ? `rejected with ${name}` : `threw ${name}`, call)
    }
    t.equal(Object.keys(errors).length, 21)
    await settled(all)
    t.strictSame(receiversOf(all, 'refused'), [])
    for (const { socket } of all) {
      const notes = (await socket.emitWithAck('notes')) as unknown[]
      t.notOk(notes.some((note) => typeof note === 'object' && note !== null && ('n' in note || 'self' in note)))
    }
  })

  await t.test('a message is what it was at the call, and comes in the order of the calls', async (t) => {
    const all = await visitors(t)
    await all[0].socket.emitWithAck('hurry')
    await settled(all)
    for (const one of all) t.strictSame(one.received('hurried'), [{ n: 1 }])
    t.strictSame(all[0].received('order'), ['broadcast', 'own'])
  })

  await t.test(
    'acknowledgements come from the clients of all workers, and a timeout gives those that were in time',
    async (t) => {
      const all = await visitors(t)
      const [a, b, c] = all
      for (const { socket, id } of all) socket.on('roll', (answer: (id: string) => void) => answer(id))
      for (const { socket, id } of [a, b]) socket.on('half', (answer: (id: string) => void) => answer(id))
      await join(b, 'red')
      await join(c, 'red')
      const sorted = (ids: unknown) => (ids as string[]).toSorted()
      t.strictSame(sorted(await c.call('namespace', ['timeout', 5_000], ['emitWithAck', 'roll'])), sorted(ids(all)))
      const room = await a.call('namespace', ['to', 'red'], ['timeout', 5_000], ['emitWithAck', 'roll'])
      t.strictSame(sorted(room), sorted(ids([b, c])))
      t.strictSame(await a.call('namespace', ['to', 'empty'], ['timeout', 500], ['emitWithAck', 'roll']), [])
      const late = c.call('namespace', ['timeout', 500], ['emitWithAck', 'half'])
      const error = await late.then(
        () => t.fail('a client did not answer'),
        (thrown: Error & { responses: string[] }) => thrown,
      )
      t.match(error, { message: 'operation has timed out' })
      t.strictSame(sorted((error as { responses: string[] }).responses), sorted(ids([a, b])))
    },
  )
}
