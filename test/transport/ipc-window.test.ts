import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { IpcWindow } from '../../src/transport/ipc-window.ts'
import { nodeIpc } from '../../src/transport/node-ipc.ts'
import { until } from '../support/clients.ts'
import { line, many, openBench, sendWhenRoom, type Bench } from '../support/transport-bench.ts'
import { realWorld } from '../../src/world.ts'

const transport = nodeIpc(realWorld)

const isLinux = process.platform === 'linux'

/** How many can be sent to a worker that answers nothing. */
async function fill(bench: Bench): Promise<number> {
  const before = bench.taken.length
  bench.child.kill('SIGSTOP')
  const pairs = await many(bench, 20)
  const sent = pairs.filter(({ connection }) => bench.sender.send(connection))
  bench.child.kill('SIGCONT')
  await Promise.all(sent.map(({ client }) => line(client)))
  await until('all are taken', () => bench.taken.length === before + sent.length)
  return sent.length
}

/** Until the worker has read all that was said at the start: the second connection comes behind all of it. */
async function readUp(bench: Bench): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const { client, connection } = await bench.accept()
    bench.sender.send(connection)
    await line(client)
    await until('it is taken', () => bench.taken.splice(0).length === 1)
  }
}

t.test('several are on their way at a time', { skip: !isLinux && 'Linux only' }, async (t) => {
  const bench = await openBench(t, transport)
  await readUp(bench)
  t.equal(await fill(bench), 16)
})

t.test('one at a time where others send handles, too', async (t) => {
  const bench = await openBench(t, nodeIpc(realWorld, { isShared: true }))
  await readUp(bench)
  t.equal(await fill(bench), 1)
})

t.test('one at a time behind a text, until it is read', { skip: !isLinux && 'Linux only' }, async (t) => {
  const bench = await openBench(t, transport)
  await readUp(bench)
  bench.child.send('a text')
  t.equal(await fill(bench), 1)
  t.equal(await fill(bench), 16)
})

t.test('one at a time with much to go along', { skip: !isLinux && 'Linux only' }, async (t) => {
  const bench = await openBench(t, transport)
  await readUp(bench)
  bench.child.kill('SIGSTOP')
  const [short, long, next] = [await bench.accept(), await bench.accept(randomBytes(40_000)), await bench.accept()]
  t.equal(bench.sender.send(short.connection), true)
  t.equal(bench.sender.send(long.connection), false, 'it waits for those before')
  bench.child.kill('SIGCONT')
  await line(short.client)
  await until('it is taken', () => bench.taken.length === 1)
  bench.child.kill('SIGSTOP')
  t.equal(bench.sender.send(long.connection), true)
  t.equal(bench.sender.send(next.connection), false, 'nothing goes behind it')
  bench.child.kill('SIGCONT')
  t.match(await line(long.client), { count: 3, metadata: 40_000 })
  await sendWhenRoom(bench, next.connection)
  t.match(await line(next.client), { count: 4 })
})

t.test('a Node without such a queue gets one at a time', async (t) => {
  const bench = await openBench(t, transport, (child) => void Reflect.deleteProperty(child, '_handleQueue'))
  await readUp(bench)
  t.equal(await fill(bench), 1)
})

// Node's reader takes 64 KiB at a time. With two connections behind, one of them was lost without a sign, and the other got its place.
t.test('no connection is lost where a read ends within its message', async (t) => {
  const bench = await openBench(t, transport)
  await readUp(bench)
  let sent = 1
  for (let length = 65_536 - 120; length < 65_536; length += 8) {
    const text = 'x'.repeat(length)
    const pairs = await many(bench, 3)
    bench.child.kill('SIGSTOP')
    bench.child.send(text)
    const waiting = pairs.filter(({ connection }) => !bench.sender.send(connection))
    bench.child.kill('SIGCONT')
    for (const { connection } of waiting) await sendWhenRoom(bench, connection)
    const greetings = await Promise.all(pairs.map(({ client }) => line(client)))
    t.strictSame(
      greetings.map(({ count }) => count),
      [1, 2, 3].map((i) => sent + i),
    )
    sent += 3
  }
})

t.test('answers that come after close() disturb nobody', async (t) => {
  const bench = await openBench(t, transport)
  await readUp(bench)
  bench.child.kill('SIGSTOP')
  const pairs = await many(bench, 5)
  const sent = pairs.filter(({ connection }) => bench.sender.send(connection))
  t.strictSame(
    bench.sender.close(),
    sent.map(({ connection }) => connection),
  )
  bench.child.kill('SIGCONT')
  await Promise.all(sent.map(({ client }) => line(client)))
  bench.child.send('exit')
  const [code] = (await once(bench.child, 'exit')) as [number | null]
  t.equal(code, 7)
})

t.test('a worker that exits with several on their way has each or gives it back', async (t) => {
  const bench = await openBench(t, transport)
  bench.child.send('exit at 6')
  await readUp(bench)
  const pairs = await many(bench, 16)
  const outcomes = pairs.map(({ client }) => Promise.race([line(client), once(client, 'close')]).catch(() => []))
  const sent = pairs.filter(({ connection }) => bench.sender.send(connection)).map(({ connection }) => connection)
  await once(bench.child, 'close')
  const back = bench.sender.close()
  t.equal(
    new Set([...bench.taken, ...back]).size,
    sent.length,
    `${bench.taken.length} taken, ${back.length} given back`,
  )
  t.equal(bench.taken.length + back.length, sent.length)
  for (const { connection } of pairs) connection.close()
  await Promise.all(outcomes)
})

t.test('fewer where there are many workers', { skip: !isLinux && 'Linux only' }, async (t) => {
  const child = () => Object.assign(new EventEmitter(), { _handleQueue: null, send: () => true })
  const windows = Array.from({ length: 64 }, () => new IpcWindow(child() as unknown as ChildProcess, false))
  const [window] = windows
  const most = (): number => Array.from({ length: 20 }).findIndex((_, i) => !window!.hasRoom(i, false))
  window!.sent(false)
  window!.allArrived()
  t.equal(most(), 4)
  for (const one of windows.slice(1)) one.close()
  t.equal(most(), 16)
  window!.close()
})

t.test('a handle that can not be written does not shift the answers to those behind it', async (t) => {
  const bench = await openBench(t, transport)
  await readUp(bench)
  const pairs = await many(bench, 3)
  // Node says nothing of a write that fails later, and sends what follows.
  const { send } = bench.child
  bench.child.send = () => true
  t.ok(bench.sender.send(pairs[0]!.connection))
  bench.child.send = send
  await until('it is reported lost', () => {
    bench.sender.silence(performance.now(), 20)
    return bench.lost.length === 1
  })
  for (const { connection } of pairs.slice(1)) await sendWhenRoom(bench, connection)
  await Promise.all(pairs.slice(1).map(({ client }) => line(client)))
  await until('both are taken', () => bench.taken.length === 2)
  t.strictSame(
    bench.taken,
    pairs.slice(1).map(({ connection }) => connection),
  )
  t.equal(bench.lost.length, 1)
})
