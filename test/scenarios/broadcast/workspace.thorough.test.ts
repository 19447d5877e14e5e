// A workspace in which Holdfast is in the common folder, and the packages of Socket.IO and ioredis only beside the
// program.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { request, until } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { startRedis } from '../../support/redis.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

const program = `
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { stickyListen } from '../../node_modules/holdfast/src/index.js'
import { attachSocketIO } from '../../node_modules/holdfast/src/socket-io.js'

const sticky = stickyListen(() => {
  const server = createServer((_, response) => response.end(JSON.stringify(backplane)))
  const backplane = attachSocketIO(new Server(server), JSON.parse(process.env.ATTACH))
  return server
}, { port: 0, workers: 2, logger: false })
if (sticky.role === 'primary') {
  process.once('message', () => sticky.close().then(() => process.disconnect()))
  sticky.ready.then(() => process.send(sticky.address()), (error) => process.send({ error: String(error) }))
}
`

function workspace(t: Test): string {
  const folder = realpathSync(t.testdir())
  cpSync(join(root, 'build/src'), join(folder, 'node_modules/holdfast/src'), { recursive: true })
  writeFileSync(join(folder, 'node_modules/holdfast/package.json'), '{ "name": "holdfast", "type": "module" }')
  const names = ['socket.io', 'ioredis', 'cluster-adapter', 'redis-adapter', 'redis-streams-adapter']
  for (const name of names.map((one) => (one.endsWith('adapter') ? `@socket.io/${one}` : one))) {
    const link = join(folder, 'packages/app/node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(realpathSync(join(root, 'node_modules', name)), link)
  }
  writeFileSync(join(folder, 'packages/app/app.mjs'), program)
  return join(folder, 'packages/app/app.mjs')
}

for (const adapter of ['ipc', 'bridge', 'redis', 'redis-sharded', 'redis-streams'] as const) {
  const skip = adapter === 'ipc' ? false : missing('redis-server')
  t.test(`${adapter} works in a workspace with its packages beside the program only`, { skip }, async (t) => {
    const redis = adapter === 'ipc' ? undefined : (await startRedis(t)).url
    const env = { ...process.env, REDIS_URL: '', ATTACH: JSON.stringify({ adapter, redis }) }
    const child = fork(workspace(t), { env, cwd: '/', execArgv: [] })
    t.teardown(async () => {
      if (child.exitCode !== null) return
      child.send('close')
      await once(child, 'exit')
    })
    const [address] = (await once(child, 'message')) as [{ port: number; error?: string }]
    t.equal(address.error, undefined)
    await until('it is connected', async () => (await request({ port: address.port }))['connected'] === true)
    t.match(await request({ port: address.port }), { adapter })
  })
}
