// What docs/migrate.md says of holdfast/compat and no other test shows. test/docs/migrate.test.ts has the rows of that page.
import http from 'node:http'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { freePort, loopback, pool, request, until } from '../support/clients.ts'
import { startCluster } from '../support/cluster.ts'

const addresses = Array.from({ length: 30 }, (_, n) => loopback(n))

t.test('after a restart each address has the same worker', async (t) => {
  const port = await freePort()
  const before = await workers(await listening(t, port), port)
  t.ok(new Set(before.values()).size > 1)
  t.strictSame(await workers(await listening(t, port), port), before)

  async function workers({ child, exited }: Awaited<ReturnType<typeof listening>>, port: number) {
    const visits = addresses.map((from) => async () => [from, (await request({ port, from })).worker] as const)
    const found = new Map(await pool(visits, 8))
    child.kill('SIGTERM')
    await exited
    return found
  }
})

t.test('SIGTERM to the primary lets requests finish', async (t) => {
  const port = await freePort()
  const { child, output, exited } = await listening(t, port)
  const slow = request({ port, path: '/slow' })
  await until('the request has arrived', () => output().includes('busy'))
  child.kill('SIGTERM')
  t.match(await slow, { worker: Number })
  t.strictSame(await exited, { code: 0, signal: null })
})

t.test("in a worker 'listening' is emitted once, the address is the public one, and stdin is empty", async (t) => {
  const port = await freePort()
  await listening(t, port)
  t.match(await request({ port }), { listenings: 1, bound: { port }, stdin: '/dev/null' })
})

t.test("the primary's httpServer emits no 'connection', and connections are kept alive", async (t) => {
  const { port, tell, output } = await startCluster(t, { workers: 1 })
  const [response] = (await once(http.get({ port, host: '127.0.0.1' }), 'response')) as [http.IncomingMessage]
  t.equal(response.headers.connection, 'keep-alive')
  response.destroy()
  tell('count')
  await until('it tells', () => output().includes('connections in the primary: '))
  t.match(output(), 'connections in the primary: 0')
})

async function listening(t: Test, port: number) {
  const env = { FIXTURE_PORT: String(port) }
  const program = await startCluster(t, { fixture: 'listen-app', options: { workers: 2 }, env })
  await until('all workers are ready', () => program.output().includes('balancer.ready'))
  return program
}
