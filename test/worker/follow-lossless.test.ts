// Connections that follow their session lose nothing, whatever happens to the workers meanwhile.
import http from 'node:http'
import t from 'tap'
import { away, sessionOf } from '../support/away.ts'
import { dial, loopback, request, until, type Reply } from '../support/clients.ts'
import { client, get, moved, plainly, readPids, ways } from '../support/kept-alive.ts'

for (const [name, options, native] of ways) {
  t.test(`connections that follow lose no request in reloads, with ${name}`, async (t) => {
    const there = await away(t, {
      options: { ...options, reload: { grace: 0, spread: 0 } },
      env: { HOLDFAST_NATIVE: native },
    })
    const load = { stopped: false }
    let asked = 0
    const clients = Array.from({ length: 12 }, async (_, n) => {
      while (!load.stopped) {
        const { ask, end } = client(t, { port: there.port, from: loopback(n) })
        // Fresh connections over and over: each one moves while the workers come and go.
        for (let i = 0; i < 3; i++, asked++) await ask()
        end()
      }
    })
    const before = asked
    for (let n = 0; n < 3; n++) await there.balancer.reload()
    load.stopped = true
    await Promise.all(clients)
    t.ok(asked > before)
    t.ok((await moved(there)) > 0, `${await moved(there)} moved`)
  })
}

for (const [name, options, native] of ways) {
  t.test(`hundreds of connections follow to a busy worker at once, with ${name}`, async (t) => {
    const there = await away(t, { options, env: { HOLDFAST_NATIVE: native } })
    const headers = `x-fill: ${'x'.repeat(4_000)}\r\n`
    const conversations = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const socket = await dial(there.port, there.from)
        t.teardown(() => socket.destroy())
        const pids = readPids(socket)
        socket.write(get('u1', headers))
        return { socket, pids }
      }),
    )
    const answers = () => conversations.reduce((sum, { pids }) => sum + pids.length, 0)
    await until('all have one answer', () => answers() === 300)
    const busy = request({ port: there.port, headers: sessionOf, path: '/block?ms=500' })
    await until('it is busy', () => there.balancer.output().includes('busy'))
    for (const { socket } of conversations) socket.write(get('u1', headers))
    await busy
    await until('all have two', () => answers() === 600)
    t.ok(conversations.every(({ pids }) => pids.every((pid) => pid === there.owner)))
    t.equal(await moved(there), 300)
  })
}

t.test('a request is answered after the primary was killed, and its connection stays', async (t) => {
  const there = await away(t)
  const conversations = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = await dial(there.port, there.from)
      t.teardown(() => socket.destroy())
      const pids = readPids(socket)
      socket.write(get('u1'))
      return { socket, pids }
    }),
  )
  const answers = () => conversations.reduce((sum, { pids }) => sum + pids.length, 0)
  await until('all have one answer', () => answers() === 20)
  process.kill(there.balancer.child.pid!, 'SIGKILL')
  await there.balancer.exited
  // The workers hear of it at about the same time: what comes now may come before or after.
  for (const { socket } of conversations) {
    socket.write(get('u1'))
    await new Promise((done) => setTimeout(done, 5))
  }
  await until('all have two', () => answers() === 40)
})

t.test('a connection that is on its way to a worker that dies is answered by another one', async (t) => {
  const there = await away(t, { options: { limits: { holdTimeout: 20_000 }, restart: { minDelay: 50 } } })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const ask = () =>
    plainly({ port: there.port, host: '127.0.0.1', localAddress: there.from, agent, headers: sessionOf })
  t.match((await ask()).text, `"pid":${there.owner},`)
  // Stopped, it takes nothing; then it is killed, and what it did not take goes to its successor.
  process.kill(there.owner, 'SIGSTOP')
  const second = ask()
  await until('it is on its way', async () => (await moved(there)) === 1)
  process.kill(there.owner, 'SIGKILL')
  // Who looks at it next may not have heard of the death, and send it there once more.
  const answer = await second
  t.equal(answer.status, 200)
  t.not((JSON.parse(answer.text) as Reply).pid, there.owner)
})
