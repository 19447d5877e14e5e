// What Socket.IO promises across workers, run against each adapter. An adapter that deviates is
// tested for what it does instead, with the reason in the name.
import type { Test } from 'tap'
import { until } from '../support/clients.ts'
import { visit, type Place, type Visitor, type VisitorOptions } from '../support/socket-io.ts'

/** Promises that an adapter does not keep, and why. */
export type Deviations = Partial<Record<'order' | 'binary between servers', string>>

const binary = Buffer.from([0, 1, 127, 128, 255])

/** @param places - workers, on one host or several, that know each other */
export async function adapterContract(t: Test, places: Place[], deviations: Deviations = {}): Promise<void> {
  const workers = places.length
  const { order: disorder, 'binary between servers': asJson } = deviations
  const settled = (all: Visitor[]) => fence(all, disorder === undefined ? 1 : 20)
  /** One at each worker, and a second one at the first. */
  const visitors = async (t: Test, options?: VisitorOptions): Promise<[Visitor, Visitor, Visitor, ...Visitor[]]> => {
    const all = await Promise.all([...places, places[0]!].map((place) => visit(t, place, options)))
    return all as [Visitor, Visitor, Visitor, ...Visitor[]]
  }
  // Elsewhere, so that they are not among those who are counted.
  const callers = await Promise.all(places.slice(0, 2).map((place) => visit(t, place, { namespace: '/other' })))
  /** Some adapters subscribe to a room when somebody joins, which takes a moment: until it is heard from elsewhere. */
  const settle = async (visitor: Visitor, room: string) => {
    const caller = callers.find(({ pid }) => pid !== visitor.pid)!
    await until(`${room} is heard from elsewhere`, async () => {
      await caller.call('main', ['to', room], ['emit', `calling ${room}`])
      return visitor.heard(`calling ${room}`).length > 0
    })
  }
  const join = async (visitor: Visitor, ...rooms: string[]) => {
    await visitor.call('socket', ['join', rooms])
    for (const room of rooms) await settle(visitor, room)
  }

  await t.test('a broadcast reaches every client once', async (t) => {
    const all = await visitors(t)
    t.equal(new Set(all.map(({ pid }) => pid)).size, workers, 'they are on different workers')
    await all[0].call('namespace', ['emit', 'news', 1])
    await all[1].call('namespace', ['emit', 'news', 2])
    await settled(all)
    for (const { heard } of all) t.same(inOrder(heard('news')), [1, 2])
    await all[1].call('socket', 'broadcast', ['emit', 'others'])
    await settled(all)
    t.strictSame(who(all, 'others'), ids(without(all, all[1])))
  })

  const inItsOrder = disorder === undefined ? 'in its order' : `once, in any order: ${disorder}`
  await t.test(`what one worker says arrives ${inItsOrder}`, async (t) => {
    const all = await visitors(t)
    const numbers = Array.from({ length: 300 }, (_, n) => n)
    await Promise.all(numbers.map((n) => all[0].call('namespace', ['emit', 'number', n])))
    if (disorder === undefined) await settled(all)
    else await until('all is heard', () => all.every(({ heard }) => heard('number').length >= numbers.length))
    for (const { heard } of all) {
      t.strictSame(disorder === undefined ? heard('number') : inOrder(heard('number') as number[]), numbers)
    }
  })

  await t.test('rooms get what is for them, a client in two of them once', async (t) => {
    const all = await visitors(t)
    const [a, b, c] = all
    await join(a, 'red')
    await join(b, 'red', 'blue')
    await join(c, 'green')
    await c.call('namespace', ['to', 'red'], ['emit', 'one'])
    await a.call('namespace', ['to', 'red'], ['to', 'blue'], ['emit', 'two'])
    await a.call('namespace', ['to', 'nobody'], ['emit', 'none'])
    await b.call('socket', ['to', 'red'], ['emit', 'neighbours'])
    await settled(all)
    t.strictSame(who(all, 'one'), ids([a, b]))
    t.strictSame(who(all, 'two'), ids([a, b]))
    t.strictSame(who(all, 'none'), [])
    t.strictSame(who(all, 'neighbours'), ids([a]), 'and not the socket that says it')
    await b.call('socket', ['leave', 'red'])
    await c.call('namespace', ['to', 'red'], ['emit', 'after'])
    await settled(all)
    t.strictSame(who(all, 'after'), ids([a]))
  })

  await t.test('a socket is reached by its id, wherever it is', async (t) => {
    const all = await visitors(t)
    await all[0].call('namespace', ['to', all[1].id], ['emit', 'private'])
    await settled(all)
    t.strictSame(who(all, 'private'), ids([all[1]]))
  })

  await t.test('except leaves out rooms and sockets', async (t) => {
    const all = await visitors(t)
    const [a, b, c] = all
    await join(b, 'quiet')
    await a.call('namespace', ['except', 'quiet'], ['emit', 'loud'])
    await b.call('namespace', ['except', c.id], ['emit', 'secret'])
    await a.call('socket', ['except', 'quiet'], ['emit', 'both'])
    await settled(all)
    t.strictSame(who(all, 'loud'), ids(without(all, b)))
    t.strictSame(who(all, 'secret'), ids(without(all, c)))
    t.strictSame(who(all, 'both'), ids(without(all, a, b)))
  })

  await t.test('local stays at the worker, volatile goes everywhere', async (t) => {
    const all = await visitors(t)
    await all[0].call('namespace', 'local', ['emit', 'local'])
    await settled(all)
    t.strictSame(who(all, 'local'), ids([all[0], all.at(-1)!]))
    // Where a connection is just writing something else a volatile message is dropped.
    await until('everybody has heard a volatile message', async () => {
      await all[1].call('namespace', 'volatile', ['emit', 'volatile'])
      await settled(all)
      return all.every(({ heard }) => heard('volatile').length > 0)
    })
  })

  await t.test('namespaces do not hear each other, also those that are made on the way', async (t) => {
    const all = await visitors(t)
    for (const namespace of ['/other', '/dynamic-1']) {
      const there = await visitors(t, { namespace })
      const known = async () => (await there[0].call('adapter', ['serverCount'])) === workers
      await until(`${namespace} knows all workers`, known)
      await there[0].call('namespace', ['emit', 'gossip', namespace])
      await settled(there)
      for (const { heard } of there) t.strictSame(heard('gossip'), [namespace])
    }
    await settled(all)
    t.strictSame(who(all, 'gossip'), [])
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
    for (const { heard } of all) t.strictSame(heard('picture'), [given])
    const answers = await b.call('namespace', ['timeout', 5_000], ['emitWithAck', 'question', given])
    t.strictSame(
      answers,
      all.map(() => ({ back: given })),
    )
  })

  await t.test('what an object says of itself in JSON is said everywhere', async (t) => {
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
    for (const { heard } of all) t.strictSame(heard('description'), [expected, expected])
  })

  await t.test('acknowledgements come from clients everywhere, and a timeout tells who was in time', async (t) => {
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
    t.strictSame(await a.call('namespace', ['to', 'nobody'], ['timeout', 500], ['emitWithAck', 'roll']), [])
    const late = c.call('namespace', ['timeout', 500], ['emitWithAck', 'half'])
    const error = await late.then(
      () => t.fail('somebody did not answer'),
      (thrown: Error & { responses: string[] }) => thrown,
    )
    t.match(error, { message: 'operation has timed out' })
    t.strictSame(sorted((error as { responses: string[] }).responses), sorted(ids([a, b])))
  })

  await t.test('fetchSockets finds all of them, with rooms, data and address', async (t) => {
    const all = await Promise.all(places.map((place, n) => visit(t, place, { auth: { name: `visitor ${n}` } })))
    const [a, b] = all as [Visitor, Visitor]
    await join(a, 'red')
    await join(b, 'red', 'blue')
    type Found = { id: string; rooms: string[]; data: { name: string }; address: string }
    const fetch = async (...chain: Parameters<Visitor['call']>[1][]) => {
      const found = await b.call<Found[]>('namespace', ...chain, ['fetchSockets'])
      return found.toSorted((one, other) => one.data.name.localeCompare(other.data.name))
    }
    const found = await fetch()
    t.strictSame(
      found.map(({ id }) => id),
      ids(all),
    )
    t.strictSame(
      found.map(({ data }) => data),
      all.map((_, n) => ({ name: `visitor ${n}` })),
    )
    t.match(found[0], { rooms: ['red'], address: /^(::ffff:)?127\./ })
    t.strictSame(found[1]!.rooms, ['red', 'blue'])
    t.match(await fetch(['in', 'blue']), [{ id: b.id }])
    t.equal((await fetch(['in', 'blue'])).length, 1)
    t.equal((await fetch(['except', 'red'])).length, workers - 2)
    t.strictSame(
      (await fetch('local')).map(({ id }) => id),
      [b.id],
    )
    t.strictSame(await fetch(['in', 'nobody']), [])
  })

  await t.test('a fetched socket can be spoken to, moved and sent away', async (t) => {
    const all = await visitors(t)
    const [a, b] = all
    const remote: Parameters<Visitor['call']>[1][] = [['in', b.id], ['fetchSockets'], '0']
    await a.call('namespace', ...remote, ['emit', 'whisper'])
    await a.call('namespace', ...remote, ['join', 'elsewhere'])
    const moved = async () => {
      const [found] = await a.call<{ rooms: string[] }[]>('namespace', ['in', b.id], ['fetchSockets'])
      return found?.rooms.includes('elsewhere') === true
    }
    await until('it has moved', moved)
    await settled(all)
    t.strictSame(who(all, 'whisper'), ids([b]))
    await a.call('namespace', ...remote, ['disconnect'])
    await until('it is sent away', () => !b.socket.connected)
  })

  await t.test('socketsJoin and socketsLeave move clients of all workers', async (t) => {
    const all = await visitors(t)
    const [a, b, c] = all
    const count = async (room: string) => (await c.call<object[]>('namespace', ['in', room], ['fetchSockets'])).length
    await a.call('namespace', ['socketsJoin', 'everybody'])
    await until('all have joined', async () => (await count('everybody')) === all.length)
    for (const one of all) await settle(one, 'everybody')
    await c.call('namespace', ['to', 'everybody'], ['emit', 'welcome'])
    // What comes next is said by somebody else, and may be heard first.
    await settled(all)
    await join(b, 'red')
    await a.call('namespace', ['in', 'red'], ['socketsLeave', 'everybody'])
    await until('one has left', async () => (await count('everybody')) === all.length - 1)
    await c.call('namespace', ['to', 'everybody'], ['emit', 'later'])
    await settled(all)
    t.strictSame(who(all, 'welcome'), ids(all))
    t.strictSame(who(all, 'later'), ids(without(all, b)))
  })

  await t.test('disconnectSockets sends away whom it means, and nobody else', async (t) => {
    const all = await visitors(t)
    const [a, b, c] = all
    const reasons = new Map<Visitor, string>()
    for (const one of all) one.socket.on('disconnect', (reason) => reasons.set(one, reason))
    await join(a, 'banned')
    await join(b, 'banned')
    void c.call('namespace', ['in', 'banned'], ['disconnectSockets', true])
    await until('both are gone', () => reasons.size === 2)
    t.strictSame([reasons.get(a), reasons.get(b)], ['io server disconnect', 'io server disconnect'])
    await settled(without(all, a, b))
    t.equal(reasons.size, 2)
  })

  await t.test('serverSideEmit reaches every other worker', async (t) => {
    const all = await visitors(t)
    const note = `from ${all[0].pid} at ${process.hrtime.bigint()}`
    await all[0].call('namespace', ['serverSideEmit', 'note', note])
    const heard = async () => {
      const notes = await Promise.all(all.slice(1, -1).map(notesOf))
      return notes.every((some) => some.filter((one) => one === note).length === 1)
    }
    await until('all others have the note', heard)
    t.notOk((await notesOf(all[0])).includes(note), 'and not the one that says it')
  })

  await t.test('serverSideEmit gets the answers of all other workers', async (t) => {
    const all = await visitors(t)
    const answers = await all[0].call<number[]>('namespace', ['serverSideEmitWithAck', 'who'])
    const others = new Set(all.map(({ pid }) => pid))
    others.delete(all[0].pid)
    t.strictSame(inOrder(answers), inOrder([...others]))
  })

  await t.test(
    `binary between servers ${asJson === undefined ? 'stays binary' : `becomes JSON: ${asJson}`}`,
    async (t) => {
      const all = await visitors(t)
      await all[0].call('namespace', ['serverSideEmit', 'note', { binary }])
      const heard = async () => (await notesOf(all[1])).some((note) => typeof note === 'object')
      await until('the note is there', heard)
      t.strictSame(
        (await notesOf(all[1])).filter((note) => typeof note === 'object'),
        [{ binary: asJson === undefined ? binary : binary.toJSON() }],
      )
    },
  )

  await t.test('every worker counts every worker', async (t) => {
    const all = await visitors(t)
    t.strictSame(
      await Promise.all(all.map((one) => one.call('adapter', ['serverCount']))),
      all.map(() => workers),
    )
  })

  await t.test('data of a socket that can not travel harms nobody', async (t) => {
    const all = await visitors(t)
    const [a, b] = all
    await b.socket.emitWithAck('hoard')
    const found = await a.call<{ id: string; data: object }[]>('namespace', ['fetchSockets'])
    t.equal(found.length, all.length)
    t.strictSame(found.find(({ id }) => id === b.id)?.data, { big: '12' }, 'the rest of it comes')
    await settled(all)
    t.ok(all.every(({ socket }) => socket.connected))
  })
}

/**
 * Once everybody has heard of it, everybody has heard what any of them said before.
 *
 * @param times - where messages go by one of several nodes, so many that some go by each
 */
export async function fence(all: Visitor[], times = 1): Promise<void> {
  const speakers = [...new Map(all.map((one) => [one.pid, one])).values()]
  const before = all.map(({ heard }) => heard('fence').length)
  const speaking = speakers.flatMap((one) =>
    Array.from({ length: times }, () => one.call('namespace', ['emit', 'fence'])),
  )
  await Promise.all(speaking)
  const passed = () => all.every(({ heard }, n) => heard('fence').length === before[n]! + speaking.length)
  await until('everybody heard the fence', passed)
}

function notesOf({ socket }: Visitor): Promise<unknown[]> {
  return socket.emitWithAck('notes') as Promise<unknown[]>
}

/** Who heard it, once: their ids. */
function who(all: Visitor[], event: string): string[] {
  return ids(all.filter(({ heard }) => heard(event).length === 1))
}

function ids(visitors: Visitor[]): string[] {
  return visitors.map(({ id }) => id)
}

function inOrder(numbers: unknown[]): number[] {
  return (numbers as number[]).toSorted((one, other) => one - other)
}

function without(all: Visitor[], ...some: Visitor[]): Visitor[] {
  return all.filter((one) => !some.includes(one))
}
