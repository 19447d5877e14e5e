// Requests of a worker about the clients of all workers, and messages between workers.
import type { Test } from 'tap'
import { until } from '../support/clients.ts'
import { ids, inOrder, receiversOf, without, type Crowd } from '../support/crowd.ts'
import { visit, type Visitor } from '../support/socket-io.ts'

const binary = Buffer.from([0, 1, 127, 128, 255])

/** @param asJson - the reason where binary between servers does not stay binary */
export async function clusterContract(t: Test, crowd: Crowd, asJson?: string): Promise<void> {
  const { visitors, settled, settle, join, places } = crowd
  const workers = places.length

  await t.test('fetchSockets finds the sockets of all workers, with rooms, data and address', async (t) => {
    const all = await Promise.all(places.map((place, n) => visit(t, place, { auth: { name: `client ${n}` } })))
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
      all.map((_, n) => ({ name: `client ${n}` })),
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
    t.strictSame(await fetch(['in', 'empty']), [])
  })

  await t.test('a fetched socket gets messages, joins rooms and disconnects', async (t) => {
    const all = await visitors(t)
    const [a, b] = all
    const remote: Parameters<Visitor['call']>[1][] = [['in', b.id], ['fetchSockets'], '0']
    await a.call('namespace', ...remote, ['emit', 'whisper'])
    await a.call('namespace', ...remote, ['join', 'elsewhere'])
    const moved = async () => {
      const [found] = await a.call<{ rooms: string[] }[]>('namespace', ['in', b.id], ['fetchSockets'])
      return found?.rooms.includes('elsewhere') === true
    }
    await until('the socket has joined', moved)
    await settled(all)
    t.strictSame(receiversOf(all, 'whisper'), ids([b]))
    await a.call('namespace', ...remote, ['disconnect'])
    await until('the client is disconnected', () => !b.socket.connected)
  })

  await t.test('socketsJoin and socketsLeave move clients of all workers', async (t) => {
    const all = await visitors(t)
    const [a, b, c] = all
    const count = async (room: string) => (await c.call<object[]>('namespace', ['in', room], ['fetchSockets'])).length
    await a.call('namespace', ['socketsJoin', 'all'])
    await until('all clients have joined', async () => (await count('all')) === all.length)
    for (const one of all) await settle(one, 'all')
    await c.call('namespace', ['to', 'all'], ['emit', 'welcome'])
    // The next message is of another worker, and could arrive first.
    await settled(all)
    await join(b, 'red')
    await a.call('namespace', ['in', 'red'], ['socketsLeave', 'all'])
    await until('one client has left', async () => (await count('all')) === all.length - 1)
    await c.call('namespace', ['to', 'all'], ['emit', 'later'])
    await settled(all)
    t.strictSame(receiversOf(all, 'welcome'), ids(all))
    t.strictSame(receiversOf(all, 'later'), ids(without(all, b)))
  })

  await t.test('disconnectSockets disconnects the clients of its room, and no others', async (t) => {
    const all = await visitors(t)
    const [a, b, c] = all
    const reasons = new Map<Visitor, string>()
    for (const one of all) one.socket.on('disconnect', (reason) => reasons.set(one, reason))
    await join(a, 'banned')
    await join(b, 'banned')
    void c.call('namespace', ['in', 'banned'], ['disconnectSockets', true])
    await until('both clients are disconnected', () => reasons.size === 2)
    t.strictSame([reasons.get(a), reasons.get(b)], ['io server disconnect', 'io server disconnect'])
    await settled(without(all, a, b))
    t.equal(reasons.size, 2)
  })

  await t.test('serverSideEmit reaches every other worker', async (t) => {
    const all = await visitors(t)
    const note = `from ${all[0].pid} at ${process.hrtime.bigint()}`
    await all[0].call('namespace', ['serverSideEmit', 'note', note])
    const arrived = async () => {
      const notes = await Promise.all(all.slice(1, -1).map(notesOf))
      return notes.every((some) => some.filter((one) => one === note).length === 1)
    }
    await until('all others have the note', arrived)
    t.notOk((await notesOf(all[0])).includes(note), 'and not the sender')
  })

  await t.test('serverSideEmit with a callback gets the answers of all other workers', async (t) => {
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
      const arrived = async () => (await notesOf(all[1])).some((note) => typeof note === 'object')
      await until('the note arrives', arrived)
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

  await t.test('data of a socket that cannot travel is left out, and no worker ends', async (t) => {
    const all = await visitors(t)
    const [a, b] = all
    await b.socket.emitWithAck('hoard')
    const found = await a.call<{ id: string; data: object }[]>('namespace', ['fetchSockets'])
    t.equal(found.length, all.length)
    t.strictSame(found.find(({ id }) => id === b.id)?.data, { big: '12' }, 'the other data arrives')
    await settled(all)
    t.ok(all.every(({ socket }) => socket.connected))
  })
}

function notesOf({ socket }: Visitor): Promise<unknown[]> {
  return socket.emitWithAck('notes') as Promise<unknown[]>
}
