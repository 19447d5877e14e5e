import { once } from 'node:events'
import { rmSync } from 'node:fs'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { dial, freePort, loopback, pool, request, until } from '../support/clients.ts'
import { startCluster } from '../support/cluster.ts'

for (const serialization of ['advanced', 'json']) {
  const env = { FIXTURE_SERIALIZATION: serialization }

  t.test(`round-robin gives each worker its turn, over a channel with ${serialization}`, async (t) => {
    const { port, joined } = await startCluster(t, { options: { loadBalancingMethod: 'round-robin' }, env })
    const counts = new Map(joined().map((pid) => [pid, 0]))
    for (let n = 0; n < 30; n++) {
      const { pid, address } = await request({ port, from: loopback(n) })
      counts.set(pid, counts.get(pid)! + 1)
      t.equal(address, `::ffff:${loopback(n)}`)
    }
    t.strictSame([...counts.values()], [10, 10, 10])
  })
}

t.test('random spreads the connections', async (t) => {
  const { port, joined } = await startCluster(t, { options: { loadBalancingMethod: 'random' } })
  const counts = new Map(joined().map((pid) => [pid, 0]))
  const visits = Array.from({ length: 300 }, () => () => request({ port }))
  for (const { pid } of await pool(visits, 16)) counts.set(pid, counts.get(pid)! + 1)
  // 100 on average; 60 is five standard deviations away.
  for (const [pid, count] of counts) t.ok(count > 60, `${pid}: ${count}`)
  t.not([...counts.values()].join(), '100,100,100')
})

t.test('least-connection, which is the default, prefers the worker with the fewest open connections', async (t) => {
  const { port, joined } = await startCluster(t)
  const open: { socket: net.Socket; pid: number }[] = []
  const connect = async () => open.push(await kept(port))
  for (let n = 0; n < 12; n++) await connect()
  const counted = () => joined().map((worker) => open.filter(({ pid }) => pid === worker).length)
  t.strictSame(counted(), [4, 4, 4])
  const leaver = open[0]!.pid
  for (const { socket } of open.filter(({ pid }) => pid === leaver)) socket.destroy()
  open.splice(0, open.length, ...open.filter(({ pid }) => pid !== leaver))
  // The worker reports the ends at the end of its turn.
  await until('the worker has as many new connections as have ended', async () => {
    await connect()
    return open.filter(({ pid }) => pid === leaver).length === 4
  })
  t.ok(Math.max(...counted()) <= 6, counted().join())
  for (const { socket } of open) socket.destroy()
})

t.test("node:cluster's own connections over the same channel do no harm", async (t) => {
  const side = await freePort()
  const cluster = await startCluster(t, {
    options: { loadBalancingMethod: 'round-robin' },
    env: { FIXTURE_SIDE_PORT: String(side) },
  })
  await until('the other server listens', () =>
    dial(side).then(
      (socket) => !!socket.destroy(),
      () => false,
    ),
  )
  const visits = (port: number) => Array.from({ length: 300 }, (_, n) => () => request({ port, from: loopback(n) }))
  const [replies] = await Promise.all([pool(visits(cluster.port), 16), pool(visits(side), 16)])
  t.equal(replies.length, 300)
  const stopped = cluster.joined()[0]!
  process.kill(stopped, 'SIGSTOP')
  let answered = 0
  const answers = visits(cluster.port).map((visit) => visit().then((reply) => (answered++, reply)))
  await until('the others are answered', () => answered === 200)
  process.kill(stopped, 'SIGKILL')
  t.notOk((await Promise.all(answers)).some(({ pid }) => pid === stopped))
})

t.test('workers that started before the set-up join too', async (t) => {
  const cluster = await startCluster(t, { workers: 0, env: { FIXTURE_LATE: '1', FIXTURE_WORKERS: '2' } })
  await until('both have said hello', () => cluster.output().match(/hello/g)?.length === 2)
  cluster.tell('setup')
  const pids = await cluster.untilJoined(2)
  t.ok(pids.includes((await request({ port: cluster.port })).pid))
})

t.test('a server that is closed and listens again is taken over again', async (t) => {
  const cluster = await startCluster(t)
  const port = await freePort()
  cluster.tell('close')
  cluster.tell('listen', port)
  await until('it listens again', () => cluster.output().includes('listening again'))
  const reply = await request({ port })
  t.ok(cluster.joined().includes(reply.pid))
})

t.test('connections of a second server go to the same workers, beside the first one and after its end', async (t) => {
  const cluster = await startCluster(t)
  const [beside, after] = [await freePort(), await freePort()]
  const workers = cluster.joined()
  const visits = (port: number) => Array.from({ length: 12 }, (_, n) => () => request({ port, from: loopback(n) }))
  cluster.tell('another', beside)
  await until('it listens', () => cluster.output().includes('another listens'))
  for (const port of [cluster.port, beside]) {
    for (const { pid } of await pool(visits(port), 4)) t.ok(workers.includes(pid))
  }
  cluster.tell('close')
  cluster.tell('another', after)
  await until('it listens', () => cluster.output().match(/another listens/g)?.length === 2)
  for (const { pid } of await pool(visits(after), 4)) t.ok(workers.includes(pid))
  await t.rejects(request({ port: cluster.port }), { code: 'ECONNREFUSED' })
})

t.test('a worker knows the public address', async (t) => {
  const { port } = await startCluster(t, { workers: 1 })
  t.match(await request({ port }), { bound: { port } })
})

t.test('a server that listens on a path is refused with what to write instead', async (t) => {
  const env = { FIXTURE_PATH: join(tmpdir(), `fixture-${process.pid}.socket`) }
  t.teardown(() => rmSync(env.FIXTURE_PATH, { force: true }))
  const failure = await startCluster(t, { workers: 0, env }).catch((error: unknown) => error)
  t.match((failure as Error).message, /listens on a TCP port, got '.*; write httpServer\.listen\(3000\)/)
})

/** Opens a connection that stays open. @returns it with the pid of its worker */
async function kept(port: number): Promise<{ socket: net.Socket; pid: number }> {
  const socket = await dial(port)
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return { socket, pid: Number(/"pid":(\d+)/.exec(bytes.toString())![1]) }
}
