// Tests that connections move without loss, with each way to transfer a connection.
import type { Test } from 'tap'
import { away, sessionOf } from '../../support/away.ts'
import { dial, loopback, request, until } from '../../support/clients.ts'
import { client, get, moved, readPids, type ways } from '../../support/kept-alive.ts'

export function losesNothing(t: Test, [name, options, native]: (typeof ways)[number]): void {
  t.test(`connections that move lose no request in reloads, with ${name}`, async (t) => {
    const there = await away(t, {
      options: { ...options, reload: { grace: 0, spread: 0 } },
      env: { HOLDFAST_NATIVE: native },
    })
    const load = { stopped: false }
    let asked = 0
    const clients = Array.from({ length: 12 }, async (_, n) => {
      while (!load.stopped) {
        const { ask, end } = client(t, { port: there.port, from: loopback(n) })
        // New connections all the time: each moves while workers start and end.
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

  t.test(`hundreds of connections move to a busy worker at once, with ${name}`, async (t) => {
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
