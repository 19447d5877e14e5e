// Workers of the application's own cluster end, hang, or never start: the tests show which clients lose what.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { dial, isAlive, loopback, request, until } from '../support/clients.ts'
import { startCluster } from '../support/cluster.ts'
import { startVisitors } from '../support/visitors.ts'

t.test('a worker is stopped and killed under load from 300 clients: all are answered, none hangs', async (t) => {
  const cluster = await startCluster(t, { options: { loadBalancingMethod: 'round-robin' } })
  const { port } = cluster
  const [stopped] = cluster.joined()
  process.kill(stopped!, 'SIGSTOP')
  let answered = 0
  const answers = Promise.all(
    Array.from({ length: 300 }, async (_, n) => {
      const reply = await request({ port, from: loopback(n) })
      answered++
      return reply
    }),
  )
  await until('the others are answered', () => answered === 200)
  process.kill(stopped!, 'SIGKILL')
  const replies = await answers
  t.notOk(replies.some(({ pid }) => pid === stopped))
})

t.test(
  'while workers are killed again and again no client hangs, and only requests at killed workers are lost',
  async (t) => {
    const cluster = await startCluster(t)
    const visitors = startVisitors(
      cluster.port,
      Array.from({ length: 20 }, (_, n) => loopback(n)),
    )
    for (let round = 0; round < 4; round++) {
      await visitors.next()
      const [victim] = cluster.joined()
      process.kill(victim!, 'SIGKILL')
      await until('it is gone', () => cluster.output().includes(`gone ${victim}`))
      await cluster.untilJoined(3)
    }
    await visitors.next()
    await visitors.stop()
    const outcomes = Object.fromEntries(visitors.outcomes)
    const lost = Object.entries(outcomes).filter(([outcome]) => !outcome.endsWith('answered'))
    for (const [outcome] of lost) t.match(outcome, /ECONNRESET|EPIPE/)
    t.ok(outcomes['new answered']! > 0 && outcomes['kept answered']! > 0)
    // At most one request of each client per round is lost.
    t.ok(lost.reduce((sum, [, count]) => sum + count, 0) <= 4 * 10, JSON.stringify(outcomes))
  },
)

t.test('workers that are disconnected one after the other lose no request', async (t) => {
  const cluster = await startCluster(t)
  const { port } = cluster
  const state = { done: false }
  const visits = Array.from({ length: 12 }, async (_, lane) => {
    let served = 0
    for (; !state.done; served++) await request({ port, from: loopback(lane), path: '/slow' })
    return served
  })
  for (let round = 0; round < 6; round++) {
    const [pid] = await cluster.untilJoined(3)
    cluster.tell('disconnect', pid)
    await until('the primary knows', () => !cluster.joined().includes(pid!))
    await until('it has ended', () => cluster.output().includes(`gone ${pid}`))
  }
  state.done = true
  for (const served of await Promise.all(visits)) t.ok(served > 0)
})

t.test(
  'a server that is closed in its worker gets no new connection, and serves the connections that it has',
  async (t) => {
    const cluster = await startCluster(t, { options: { loadBalancingMethod: 'round-robin' } })
    const { port } = cluster
    const { pid } = await request({ port, path: '/close' })
    await until('the primary has received of it', () => !cluster.joined().includes(pid))
    for (let n = 0; n < 10; n++) t.not((await request({ port })).pid, pid)
    t.ok(isAlive(pid), 'when the process ends is its own business')
  },
)

t.test('without a worker connections wait, and the first worker that joins serves them', async (t) => {
  const cluster = await startCluster(t, { workers: 0, options: { limits: { holdTimeout: 60_000 } } })
  const { port } = cluster
  const sockets = await Promise.all([dial(port), dial(port)])
  const answers = Promise.all(Array.from({ length: 20 }, () => request({ port })))
  cluster.tell('fork')
  const [pid] = await cluster.untilJoined(1)
  for (const reply of await answers) t.equal(reply.pid, pid)
  for (const socket of sockets) socket.destroy()
})

t.test('without a worker connections wait for limits.holdTimeout at most', async (t) => {
  const { port } = await startCluster(t, { workers: 0, options: { limits: { holdTimeout: 100 } } })
  await t.rejects(request({ port }), { code: 'ECONNRESET' })
})

t.test('a stuck worker gets no new connection, and waiting connections go to the other workers', async (t) => {
  const options = { loadBalancingMethod: 'round-robin', limits: { holdTimeout: 300 } } as const
  const cluster = await startCluster(t, { workers: 2, options })
  const { port } = cluster
  const [stuck, other] = cluster.joined()
  process.kill(stuck!, 'SIGSTOP')
  const asked = Array.from({ length: 20 }, (_, n) => request({ port, from: loopback(n) }))
  let answered = 0
  for (const one of asked) void one.then(() => answered++)
  // One connection may already be at the stuck worker.
  await until('all other connections are answered', () => answered === 19)
  t.match(cluster.output(), new RegExp(`cluster\\.stuck.*pid=${stuck}`))
  for (let n = 0; n < 6; n++) t.equal((await request({ port })).pid, other)
  process.kill(stuck!, 'SIGCONT')
  const replies = await Promise.all(asked)
  t.equal(replies.filter(({ pid }) => pid === stuck).length, 1)
  await until('it gets some again', async () => (await request({ port })).pid === stuck)
})

t.test(
  'peer sockets are removed at the end; those of a killed primary are removed when the next one starts',
  async (t) => {
    const parent = mkdtempSync(join(tmpdir(), 'doors-'))
    t.teardown(() => rmSync(parent, { recursive: true, force: true }))
    const start = async () => {
      const before = readdirSync(parent)
      const cluster = await startCluster(t, { workers: 2, env: { TMPDIR: parent } })
      const [name] = readdirSync(parent).filter((name) => !before.includes(name))
      return { cluster, folder: join(parent, name!) }
    }
    const [tidy, killed] = [await start(), await start()]
    process.kill(-killed.cluster.child.pid!, 'SIGKILL')
    await killed.cluster.exited
    t.equal(existsSync(killed.folder), true)
    const next = await start()
    await until('the folder is gone', () => !existsSync(killed.folder))
    t.equal(readdirSync(tidy.folder).length, 2, 'the folder of a living primary stays')
    tidy.cluster.tell('exit')
    await tidy.cluster.exited
    await until('it has removed its own', () => !existsSync(tidy.folder))
    t.equal(readdirSync(next.folder).length, 2)
  },
)
