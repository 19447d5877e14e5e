// What a program listens on besides the port of the command, with programs that know nothing of Holdfast.
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Place } from '../fixtures/many-listens.ts'
import { dial, freePort, loopback, request, until, untilRefused, type Reply } from '../support/clients.ts'
import { startProgram, type Program } from '../support/program.ts'

const app = fileURLToPath(new URL('../fixtures/many-listens.js', import.meta.url))
const clients = Array.from({ length: 12 }, (_, n) => loopback(n))

interface Started extends Program {
  /** Port of the command. */
  main: number
  /** Lets the program listen in other places from its next start on. */
  change(places: Place[]): void
  reload(): Promise<void>
}

/** A folder with a short name: the path of a Unix socket has 107 bytes at most. */
function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'hf-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function configFile(t: Test, options: object): string {
  const file = join(folder(t), 'options.json')
  writeFileSync(file, JSON.stringify(options))
  return file
}

/** Resolves when every worker listens everywhere. */
async function start(t: Test, places: Place[], args: string[] = [], workers = 2): Promise<Started> {
  const main = await freePort()
  const file = join(folder(t), 'listens.json')
  const change = (next: Place[]) => writeFileSync(file, JSON.stringify(next))
  change(places)
  const all = ['--workers', String(workers), '--port', String(main), ...args, app]
  const program = startProgram(t, 'src/cli.js', all, { FIXTURE_LISTENS: file })
  const count = (pattern: RegExp) => program.stdout().match(pattern)?.length ?? 0
  await until('all have listened', () => {
    if (program.child.exitCode !== null) throw new Error(program.stderr())
    const wanted = places.filter(({ worker }) => worker === undefined).length * workers
    const special = places.filter(({ worker }) => worker !== undefined).length
    return count(/^(listening|error) /gm) >= wanted + special && program.stderr().includes('balancer.ready')
  })
  return {
    ...program,
    main,
    change,
    async reload() {
      const before = program.stderr().split('reload.done').length
      program.child.kill('SIGHUP')
      await until('it is reloaded', () => {
        if (program.stderr().includes('reload.failed')) throw new Error(program.stderr())
        return program.stderr().split('reload.done').length > before
      })
    },
  }
}

/** Sends one request over a Unix socket. */
function requestPath(socketPath: string, path = '/'): Promise<Reply> {
  return new Promise((done, fail) => {
    http
      .get({ socketPath, path, agent: false }, async (response) =>
        done(JSON.parse((await response.toArray()).join('')) as Reply),
      )
      .on('error', fail)
  })
}

/** Sends requests all the time until the work is done. @returns how many were answered; rejects where one fails */
async function underLoad(senders: (() => Promise<unknown>)[], work: () => Promise<void>): Promise<number> {
  const end = new AbortController()
  let answered = 0
  const load = senders.map(async (send) => {
    while (!end.signal.aborted) {
      await send()
      answered++
    }
  })
  await work()
  end.abort()
  await Promise.all(load)
  return answered
}

for (const steering of ['handoff', 'kernel']) {
  t.test(`ports and a path are shared, are sticky, and survive a reload under load: ${steering}`, async (t) => {
    const second = await freePort()
    const path = join(folder(t), 'a.sock')
    const places: Place[] = [
      { name: 'main', port: 'main' },
      { name: 'second', port: second },
      { name: 'path', path },
    ]
    const { main, stderr, stdout, reload, child, exited } = await start(t, places, ['--steering', steering])
    for (const from of clients) {
      const first = await request({ port: main, from })
      const other = await request({ port: second, from })
      t.strictSame([first['name'], other['name'], other.pid], ['main', 'second', first.pid])
      t.match(other['bound'], { port: second })
    }
    const overPath = [await requestPath(path), await requestPath(path)]
    t.not(overPath[0]!.pid, overPath[1]!.pid, 'connections over a path go to the workers in turn')
    t.match(overPath[0], { name: 'path', bound: path })
    t.equal(stderr().match(/worker\.ready/g)?.length, 2, 'each worker is ready once')
    t.match(stderr(), `listener.open listener=1 address=:: family=IPv6 port=${second}`)

    const before = new Set(overPath.map(({ pid }) => pid))
    const senders = [
      ...clients.slice(0, 6).map((from, n) => () => request({ port: [main, second][n % 2]!, from })),
      () => requestPath(path),
    ]
    t.ok((await underLoad(senders, reload)) > 0)
    for (const reply of [await request({ port: main }), await request({ port: second }), await requestPath(path)]) {
      t.notOk(before.has(reply.pid))
    }
    child.kill('SIGTERM')
    t.strictSame(await exited, { code: 0, signal: null })
    t.equal(existsSync(path), false, 'the file is removed')
    t.equal(stdout().includes('error'), false)
  })
}

t.test('port 0 is one port for all workers, and another one for each call', async (t) => {
  const { stdout } = await start(t, [
    { name: 'main', port: 'main' },
    { name: 'one', port: 0 },
    { name: 'two', port: 0 },
  ])
  const portsOf = (name: string) => [
    ...new Set(
      [...stdout().matchAll(new RegExp(`listening ${name} .*"port":(\\d+)`, 'g'))].map(([, port]) => Number(port)),
    ),
  ]
  const [one, two] = [portsOf('one'), portsOf('two')]
  t.equal(one.length, 1)
  t.equal(two.length, 1)
  t.not(one[0], two[0])
  for (const from of clients) {
    const replies = await Promise.all([request({ port: one[0]!, from }), request({ port: two[0]!, from })])
    t.strictSame(
      replies.map(({ name }) => name),
      ['one', 'two'],
    )
    t.equal(replies[0].pid, replies[1].pid)
  }
})

t.test('a server with `exclusive` is the own one of each process, and errors come as in Node', async (t) => {
  const own = await freePort()
  const taken = net.createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => void taken.close())
  const { port } = taken.address() as net.AddressInfo
  const path = join(folder(t), 'is-a-file')
  writeFileSync(path, '')
  const { stdout, stderr, main } = await start(t, [
    { name: 'main', port: 'main' },
    { name: 'own', port: own, exclusive: true },
    { name: 'taken', port, host: '127.0.0.1' },
    { name: 'file', path },
  ])
  t.equal(stdout().match(/^listening own/gm)?.length, 1)
  t.equal(stdout().match(/^error own .*EADDRINUSE/gm)?.length, 1)
  const errorOf = (name: string) => JSON.parse(new RegExp(`^error ${name} (.*)$`, 'm').exec(stdout())![1]!) as object
  const node = (where: string) => `listen EADDRINUSE: address already in use ${where}`
  t.strictSame(errorOf('taken'), {
    code: 'EADDRINUSE',
    syscall: 'listen',
    address: '127.0.0.1',
    port,
    message: node(`127.0.0.1:${port}`),
    isLate: true,
  })
  t.match(errorOf('file'), { code: 'EADDRINUSE', address: path, message: node(path) })
  t.match(await request({ port: main }), { name: 'main' })
  t.notOk(/worker\.exit/.test(stderr()))
})

t.test('a program may remove a left-over file before it listens, in each worker', async (t) => {
  const path = join(folder(t), 'b.sock')
  const left = net.createServer().listen(path)
  await once(left, 'listening')
  t.teardown(() => void left.close())
  const { reload } = await start(t, [
    { name: 'main', port: 'main' },
    { name: 'path', path, unlink: true },
  ])
  t.match(await requestPath(path), { name: 'path' })
  await reload()
  for (let n = 0; n < 4; n++) t.match(await requestPath(path), { name: 'path' })
})

t.test('a program may close a server before it listens, and listen there again', async (t) => {
  const second = await freePort()
  const path = join(folder(t), 'c.sock')
  const { stdout } = await start(t, [
    { name: 'main', port: 'main' },
    { name: 'second', port: second, probe: true },
    { name: 'path', path, probe: true },
  ])
  for (const from of clients) t.match(await request({ port: second, from }), { name: 'second' })
  t.match(await requestPath(path), { name: 'path' })
  t.equal(stdout().includes('error'), false)
})

t.test('a port of one worker only serves the clients of all workers', async (t) => {
  const second = await freePort()
  const config = configFile(t, { limits: { holdTimeout: 300 } })
  const places: Place[] = [
    { name: 'main', port: 'main' },
    { name: 'second', port: second, worker: '1' },
  ]
  await start(t, places, ['--config', config])
  const replies = await Promise.all(clients.map((from) => request({ port: second, from })))
  t.ok(replies.every(({ worker, name }) => worker === 1 && name === 'second'))
})

t.test('a reload waits for a program that opens its ports one after the other', async (t) => {
  const second = await freePort()
  const { main, reload } = await start(t, [
    { name: 'second', port: second },
    { name: 'main', port: 'main', after: 300 },
  ])
  const senders = clients.slice(0, 4).map((from) => () => request({ port: main, from }))
  t.ok((await underLoad(senders, reload)) > 0)
})

t.test('a port that the program leaves is closed: after a reload, and when all workers have closed it', async (t) => {
  const [second, third] = [await freePort(), await freePort()]
  const config = configFile(t, { health: { readyTimeout: 2000 } })
  const places: Place[] = [
    { name: 'main', port: 'main' },
    { name: 'second', port: second },
    { name: 'third', port: third },
  ]
  const { main, reload, change, stderr, stdout } = await start(t, places, ['--config', config])
  for (let n = 0; (stdout().match(/^closed third/gm)?.length ?? 0) < 2; n++) {
    await request({ port: third, from: clients[n % 12]!, path: '/close' }).catch(() => {})
    if (n > 100) throw new Error('it is not closed')
  }
  await untilRefused(third)
  change(places.slice(0, 1))
  await reload()
  await untilRefused(second)
  t.match(stderr(), `listener.closed listener=1 address=:: family=IPv6 port=${second}`)
  t.match(await request({ port: main }), { name: 'main' })
})

t.test('a program may listen on another port than that of the command only', async (t) => {
  const second = await freePort()
  const config = configFile(t, { limits: { holdTimeout: 300 } })
  const { main, stderr } = await start(t, [{ name: 'second', port: second }], ['--config', config])
  for (const from of clients) t.match(await request({ port: second, from }), { name: 'second' })
  await untilRefused(main)
  t.match(stderr(), `port=${main}`)
})

t.test('a program that finds its port open, and listens elsewhere, is told why', async (t) => {
  const { stderr, main } = await start(t, [{ name: 'elsewhere', port: 0, ifTaken: true }])
  t.match(stderr(), new RegExp(`command\\.port-probe port=${main} .*found it open, and listens on another port`))
})

t.test('with the PROXY protocol only the port of the command needs the header', async (t) => {
  const second = await freePort()
  const places: Place[] = [
    { name: 'main', port: 'main' },
    { name: 'second', port: second },
  ]
  const { main } = await start(t, places, ['--trust', '127.0.0.1'])
  t.match(await request({ port: second }), { name: 'second' })
  const socket = await dial(main)
  socket.write('PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.match((await socket.toArray()).join(''), /"name":"main"/)
})
