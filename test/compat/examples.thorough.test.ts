// Programs for the packages that Holdfast replaces, after one line of each was changed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { cpus } from 'node:os'
import { io, type Socket } from 'socket.io-client'
import t, { type Test } from 'tap'
import { freePort, loopback, until } from '../support/clients.ts'
import { startProgram, type Program } from '../support/program.ts'

type Change = readonly [before: string, after: string]

const stickySession: Record<string, Change> = {
  cjs: ["const sticky = require('sticky-session')", "const sticky = require('holdfast/compat')"],
  mjs: ["import sticky from 'sticky-session'", "import * as sticky from 'holdfast/compat'"],
}

const socketIoSticky: Record<string, Change> = {
  cjs: [
    "const { setupMaster, setupWorker } = require('@socket.io/sticky')",
    "const { setupMaster, setupWorker } = require('holdfast/compat')",
  ],
  mjs: [
    "import { setupPrimary, setupWorker } from '@socket.io/sticky'",
    "import { setupPrimary, setupWorker } from 'holdfast/compat'",
  ],
}

for (const [form, change] of Object.entries(stickySession)) {
  t.test(`sticky-session's, ${form}: the primary emits 'listening', and each address has its worker`, async (t) => {
    const { program, port } = await start(t, `sticky-session.${form}`, change)
    await program.printed(new RegExp(`listening on ${port}`))
    await until('the workers are ready', () => program.stderr().includes('balancer.ready'))
    const addresses = Array.from({ length: 20 }, (_, n) => loopback(n))
    const visit = () => Promise.all(addresses.map((from) => text(port, from)))
    const first = await visit()
    for (const answer of first) t.match(answer, /^worker: \d/)
    t.strictSame(await visit(), first)
    t.ok(new Set(first).size > 1, 'on several workers')
  })
}

t.test("sticky-session's: the other parts of such programs work as before", async (t) => {
  const { program, port } = await start(t, 'sticky-session.mjs', stickySession['mjs']!)
  await until('the workers are ready', () => program.stderr().includes('balancer.ready'))
  await program.printed(/worker 3 of 3/)
  const before = await text(port, loopback(1))
  t.match(before, /flavour: 23$/, 'the environment')
  await text(port, loopback(1), '/close')
  await program.printed(/worker 4 of/)
  await until('a worker that closes its server has a successor', async () => (await text(port, loopback(1))) !== before)
})

for (const [form, change] of Object.entries(socketIoSticky)) {
  t.test(
    `@socket.io/sticky's, ${form}: clients connect, broadcast across workers, and reconnect after a crash`,
    async (t) => {
      const { program, port } = await start(t, `socket-io-sticky.${form}`, change)
      await program.printed(/primary \d+ is there/)
      const workersThere = form === 'cjs' ? cpus().length : 3
      await until('the workers have joined', () => program.stderr().match(/cluster\.join/g)?.length === workersThere)
      const clients = await Promise.all(Array.from({ length: 12 }, () => connect(t, port)))
      await until('all are upgraded', () =>
        clients.every(({ socket }) => socket.io.engine.transport.name === 'websocket'),
      )
      const workers = new Set(clients.map(({ pids }) => pids[0]))
      if (workersThere > 1) t.ok(workers.size > 1, 'on several workers')
      clients[0]!.socket.emit('say', 'hello to all')
      await until('all have received it', () => clients.every(({ received }) => received.length === 1))

      const victim = clients[0]!.pids[0]!
      const others = clients.filter(({ pids }) => pids[0] !== victim)
      process.kill(victim, 'SIGKILL')
      await program.printed(new RegExp(`worker ${victim} is gone`))
      await until('its clients are back', () => clients.every(({ pids }) => pids.at(-1) !== victim))
      for (const { pids } of others) t.equal(pids.length, 1, 'the others were never away')
      t.strictSame(
        clients.flatMap(({ errors }) => errors),
        [],
      )
    },
  )
}

/** Starts the example with that line changed; no other line may mention the package. */
async function start(t: Test, name: string, [before, after]: Change): Promise<{ program: Program; port: number }> {
  const source = readFileSync(new URL(`../../../test/fixtures/compat/${name}`, import.meta.url), 'utf8')
  const lines = source.split('\n')
  t.equal(lines.filter((line) => line === before).length, 1, 'there is that one line')
  const changed = lines.map((line) => (line === before ? after : line)).join('\n')
  // The program is inside the package, so that it can import the package by name.
  const folder = new URL('../fixtures/compat/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(name, folder), changed)
  const port = await freePort()
  const program = startProgram(t, `test/fixtures/compat/${name}`, [], { PORT: String(port) })
  return { program, port }
}

function text(port: number, from: string, path = '/'): Promise<string> {
  return new Promise((done, fail) => {
    const asking = http.get({ host: '127.0.0.1', port, path, localAddress: from, agent: false }, (response) => {
      let answer = ''
      response.on('data', (chunk: Buffer) => (answer += chunk.toString()))
      response.on('error', fail)
      response.on('end', () => done(answer))
    })
    asking.on('error', fail)
  })
}

async function connect(t: Test, port: number) {
  const socket: Socket = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnectionDelay: 10 })
  t.teardown(() => socket.close())
  const client = { socket, pids: [] as number[], received: [] as string[], errors: [] as string[] }
  socket.on('hello', (pid: number) => client.pids.push(pid))
  socket.on('said', (said: string) => client.received.push(said))
  socket.on('connect_error', ({ message }) => client.errors.push(message))
  await until('it is greeted', () => client.pids.length > 0)
  return client
}
