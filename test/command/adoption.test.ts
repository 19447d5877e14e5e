// Programs that close their servers, listen again and look for free ports: under the command as alone.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { dial, freePort, loopback, request, until } from '../support/clients.ts'
import { aloneLife, startLife, words } from '../support/lives.ts'

t.test('a program that looks for a free port serves with the server that it opens then', async (t) => {
  for (const [life, said] of [
    ['looks for a free port, without a listener', ['probe true']],
    ['looks for a free port, with a listener', ['probe no error', 'true', 'late EADDRINUSE']],
  ] as const) {
    const program = await startLife(t, life)
    t.match(await request(program), { name: 'second' }, life)
    await until('the program has said all', () => words(program).length === said.length)
    t.strictSame(words(program), said)
    t.equal(program.stderr().match(/worker\.ready/g)?.length, 1, 'it was ready once')
    t.notMatch(program.stderr(), /worker\.(exit|leave)/)
  }
})

t.test('a server may get its listeners after listen(), and listens at once', async (t) => {
  const program = await startLife(t, 'listens before it has a listener')
  t.match(await request(program), { name: 'late' })
  t.strictSame(words(program), ['true true'])
})

t.test('a program may close its server and listen again, with the same server or another', async (t) => {
  for (const [life, said, names] of [
    ['closes its server and listens again', 'again no error', ['same', 'same']],
    ['listens with another server', 'again no error false', ['first', 'second']],
  ] as const) {
    const program = await startLife(t, life)
    const before = await request({ ...program, path: '/again' })
    // The client need not know: its connection waits for the next server.
    const after = await request(program)
    t.strictSame([before['name'], after['name']], names, life)
    t.equal(after.pid, before.pid)
    t.match(words(program).at(-1), said)
    await until('the change is logged', () => program.stderr().includes('command.adopted'))
    program.child.kill('SIGTERM')
    t.strictSame(await program.exited, { code: 0, signal: null })
    t.notMatch(program.stderr(), /worker\.leave/)
  }
})

t.test('a client waits for the next server of a program no longer than limits.holdTimeout', async (t) => {
  const file = join(t.testdir({ 'holdfast.json': JSON.stringify({ limits: { holdTimeout: 300 } }) }), 'holdfast.json')
  const program = await startLife(t, 'closes its server and opens none', ['--config', file, '--workers', '2'])
  const { pid } = await request({ ...program, path: '/again' })
  await program.printed(/closed no error/)
  t.not((await request(program)).pid, pid, 'another process serves it')
  t.match(program.stderr(), /worker\.leave .*reason=server\.close\(\)/)
})

t.test('a program that listens on each family finds the addresses that it asked for', async (t) => {
  const life = 'listens twice, once for each family'
  const alone = aloneLife(t, life, await freePort())
  await alone.printed(/life/)
  const program = await startLife(t, life)
  await program.printed(/life/)
  t.strictSame(words(program), words(alone))
})

t.test('sessions find the server that a program opens in place of another one', async (t) => {
  const program = await startLife(t, 'listens with another server', ['--workers', '2', '--session', 'cookie:seat'])
  const visit = async (from: string, path: string, cookie?: string) => {
    const { port } = program
    const options = {
      port,
      host: '127.0.0.1',
      localAddress: from,
      path,
      agent: false,
      headers: cookie === undefined ? {} : { cookie },
    }
    const [response] = (await once(http.get(options as http.RequestOptions), 'response')) as [http.IncomingMessage]
    const { pid, name } = JSON.parse(await text(response)) as { pid: number; name: string }
    return { pid, name, cookie: response.headers['set-cookie']?.[0]?.split(';')[0] }
  }
  const first = await visit(loopback(1), '/')
  await visit(loopback(1), '/again', first.cookie)
  await program.printed(/again no error/)
  const later = await Promise.all(Array.from({ length: 8 }, (_, n) => visit(loopback(2 + n), '/', first.cookie)))
  for (const { pid, name } of later) t.strictSame([pid, name], [first.pid, 'second'])
})

t.test('connections that wait for a server are served by the next process, if the program ends its own', async (t) => {
  const admin = await freePort()
  const program = await startLife(t, 'ends its process when its server is closed', ['--admin', String(admin)])
  const handedOff = async (): Promise<number> => {
    const { connections } = await request({ port: admin, path: '/status' })
    return (connections as { handedOff: number }).handedOff
  }
  const busy = request({ ...program, path: '/hold' })
  await program.printed(/holds/)
  const { pid } = await request({ ...program, path: '/again' })
  await program.printed(/closing/)
  const clients = Array.from({ length: 20 }, (_, n) => request({ ...program, from: loopback(n) }))
  await until('they wait in the worker', async () => (await handedOff()) === 22)
  process.kill(pid, 'SIGUSR2')
  await busy
  for (const reply of await Promise.all(clients)) t.not(reply.pid, pid)
})

t.test('a program finds its server at the end as it would alone', async (t) => {
  const alone = aloneLife(t, 'says what it finds at the end', await freePort())
  await alone.printed(/listens/)
  alone.child.kill('SIGTERM')
  await alone.exited
  const expected = words(alone)
  t.equal(expected.length, 8)

  const program = await startLife(t, 'says what it finds at the end')
  const kept = await dial(program.port)
  kept.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(kept, 'data')
  program.child.kill('SIGTERM')
  t.strictSame(await program.exited, { code: 0, signal: null })
  t.strictSame(words(program), expected)
  kept.destroy()

  const reloaded = await startLife(t, 'says what it finds at the end')
  const { pid } = await request(reloaded)
  process.kill(pid, 'SIGTERM')
  await until('it is replaced', () => reloaded.stderr().match(/worker\.ready/g)?.length === 2)
  await reloaded.printed(/closed again/)
  // The new process listens too.
  const said = words(reloaded).filter((line, i) => i === 0 || line !== 'listens')
  t.strictSame(said, expected, 'also where the worker itself gets the signal')
})

t.test('a process ends when the program has nothing left to do', async (t) => {
  const port = await freePort()
  const alone = aloneLife(t, 'closes and does not read', port)
  await until('it listens', () => dial(port).then(send, () => false))
  t.strictSame(await alone.exited, { code: 0, signal: null })
  t.strictSame(words(alone), ['exit 0'], 'the connection is never closed')

  const program = await startLife(t, 'closes and does not read')
  send(await dial(program.port))
  await until('the worker has ended', () => program.stderr().includes('worker.exit'))
  t.match(program.stderr(), /worker\.exit .*code=0 /)
  t.strictSame(words(program), ['exit 0'])

  const unneeded = await startLife(t, 'does not need its server')
  await until('the worker has ended', () => unneeded.stderr().includes('worker.exit'))
  t.strictSame(words(unneeded)[0], 'ends')
})

/** Sends more than the other end reads ahead, and hangs up. */
function send(socket: net.Socket): true {
  socket.on('error', () => {}).end(Buffer.alloc(1_000))
  return true
}
