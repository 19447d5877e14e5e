// Every kind of server, and every way of its connections, at the end of a program and where it listens again.
import { once } from 'node:events'
import t from 'tap'
import { dial, freePort, request } from '../support/clients.ts'
import { aloneLife, startLife, words } from '../support/lives.ts'

const LIFE = 'says what it finds at the end'

for (const kind of ['http', 'https', 'http2', 'http2 over TLS', 'net', 'tls']) {
  t.test(`a program finds its ${kind} server at the end as it would alone`, async (t) => {
    const env = { FIXTURE_KIND: kind }
    const alone = aloneLife(t, LIFE, await freePort(), env)
    await alone.printed(/listens/)
    alone.child.kill('SIGTERM')
    await alone.exited
    const expected = words(alone)
    t.ok(expected.includes('closed again ERR_SERVER_NOT_RUNNING'))

    const program = await startLife(t, LIFE, [], env)
    if (kind === 'net') {
      const client = await dial(program.port)
      await once(client.resume(), 'end')
      client.destroy()
    }
    program.child.kill('SIGTERM')
    t.strictSame(await program.exited, { code: 0, signal: null })
    t.strictSame(words(program), expected)
    t.match(program.stderr(), /balancer\.closed clean=true/)
  })
}

for (const [way, flags, env] of [
  ['the descriptor channel', [], {}],
  ["Node's channel", [], { HOLDFAST_NATIVE: '0' }],
  ['kernel steering', ['--steering', 'kernel'], {}],
] as const) {
  t.test(`connections wait for the next server of a program, with ${way}`, async (t) => {
    const again = await startLife(t, 'listens with another server', flags, env)
    t.match(await request({ ...again, path: '/again' }), { name: 'first' })
    t.match(await request(again), { name: 'second' })

    const ending = await startLife(t, 'ends its process when its server is closed', ['--workers', '2', ...flags], env)
    const busy = request({ ...ending, path: '/hold' })
    await ending.printed(/holds/)
    const { pid } = await request({ ...ending, path: '/again' })
    await ending.printed(/closing/)
    const clients = Array.from({ length: 20 }, () => request(ending))
    // Most of them are in the worker when this one is connected.
    const last = await dial(ending.port)
    last.on('error', () => {})
    process.kill(pid, 'SIGUSR2')
    await busy
    for (const reply of await Promise.all(clients)) t.not(reply.pid, pid)
  })
}
