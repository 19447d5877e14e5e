// The command, with programs that do not use Holdfast themselves.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { freePort, loopback, request, until } from '../support/clients.ts'
import { startProgram, type Program } from '../support/program.ts'

const app = fileURLToPath(new URL('../fixtures/plain-app.js', import.meta.url))
const lines = fileURLToPath(new URL('../fixtures/lines-app.js', import.meta.url))
const express = fileURLToPath(new URL('../fixtures/express-plain.js', import.meta.url))

t.test('a program runs in several processes, and each client reaches one of them', async (t) => {
  const { port, child, exited, stderr } = await start(t, ['--workers', '2', app, '--its-own', 'argument'])
  const homes = new Map<number, Set<string>>()
  for (let n = 1; n <= 40; n++) {
    const from = loopback(1 + (n % 10))
    const { pid, address, args } = await request({ port, from })
    t.ok(address.endsWith(from))
    t.strictSame(args, ['--its-own', 'argument'])
    homes.set(pid, (homes.get(pid) ?? new Set()).add(from))
  }
  t.equal(homes.size, 2)
  const [some, others] = [...homes.values()]
  t.notOk([...some!].some((address) => others!.has(address)))
  // Processes that the program starts stay outside of the balancer.
  const { second } = await request({ port })
  t.not(second, port)
  t.match(await request({ port, path: '/child' }), { listens: /^\d+$/ })
  child.kill('SIGTERM')
  t.strictSame(await exited, { code: 0, signal: null })
  t.match(stderr(), /balancer\.closed clean=true/)
})

t.test('the command shows, reloads and scales a running program', async (t) => {
  const admin = String(await freePort())
  const { port } = await start(t, ['--workers', '1', '--admin', admin, '--session', 'cookie:seat', app])
  const before = await request({ port })
  t.match(await ask(t, 'scale', '2', '--admin', admin), { code: 0, stderr: 'scale …\ndone\n' })
  t.match(await ask(t, 'reload', '--admin', admin), { code: 0 })
  t.not((await request({ port })).pid, before.pid)
  t.match(await ask(t, 'status', '--admin', admin), { code: 0, stdout: /^ +1 +\d+ +ready +128 /m })
  const { stdout } = await ask(t, 'status', '--json', '--admin', admin)
  t.match(JSON.parse(stdout), { workers: [{ restarts: 1 }, { restarts: 1 }] })
  t.match(await ask(t, 'scale', '0', '--admin', admin), { code: 64, stderr: /^holdfast: scale: expected an integer/ })
  t.match(await ask(t, 'status', '--admin', '9999999'), { code: 64, stderr: /^holdfast: --admin: expected an integer/ })
  t.match(await ask(t, 'status', '--admin', String(port)), { code: 1, stderr: /is not Holdfast's admin/ })
  t.match(await ask(t, 'status', '--admin', String(await freePort())), {
    code: 1,
    stderr: /no answer from .*ECONNREFUSED/,
  })
})

t.test('a file has further options for primary and workers, and flags override it', async (t) => {
  const file = join(t.testdir({}), 'holdfast.mjs')
  const text = "({ url }) => (url === '/0' ? 0 : url === '/1' ? 1 : undefined)"
  const more = "args: ['x'], execArgv: ['--max-http-header-size=9000']"
  writeFileSync(file, `export default { workers: 5, host: '127.0.0.1', ${more}, session: ${text} }`)
  const { port, stderr } = await start(t, ['--config', file, '--workers', '2', app])
  t.match(stderr(), /balancer\.ready address=127\.0\.0\.1 .* workers=2/)
  const pids = new Set<number>()
  for (let n = 1; n <= 8; n++) pids.add((await request({ port, from: loopback(n), path: '/1' })).pid)
  t.equal(pids.size, 1, 'the workers know the session rule')
  t.match(await request({ port }), { args: ['x'], maxHeader: 9_000 })
})

t.test('a program does not become reachable on more addresses than it listens on', async (t) => {
  const options = ['--workers', '1', '--port', '0']
  const exposed = startProgram(t, 'src/cli.js', [...options, app], { FIXTURE_HOST: '127.0.0.1' })
  t.match(await exposed.exited, { code: 3 })
  t.match(
    exposed.stderr(),
    /expected the program to listen on the address of the balancer, ::, .*; write --host 127\.0\.0\.1/,
  )
  const { port, stdout, stderr } = await start(t, ['--workers', '2', '--host', '127.0.0.1', app], {
    FIXTURE_HOST: 'localhost',
    FIXTURE_TWICE: '1',
  })
  await until('both have listened', () => stdout().match(/third listens/g)?.length === 2)
  await until('the second address is logged', () => /command\.second-listen port=\d+ host=::1/.test(stderr()))
  t.match(await request({ port }), { address: '127.0.0.1' })
  await t.rejects(request({ port, from: '::1' }), { code: 'ECONNREFUSED' })
})

t.test('a program that does not listen causes a warning', async (t) => {
  const file = join(t.testdir({}), 'holdfast.json')
  writeFileSync(file, JSON.stringify({ health: { readyTimeout: 7_000 } }))
  const silent = startProgram(t, 'src/cli.js', ['-w', '1', '--port', '0', '-c', file, app], { FIXTURE_SILENT: '1' })
  await until('the warning comes', () => silent.stderr().includes('worker.slow-start'))
  t.match(
    silent.stderr(),
    /warning worker\.slow-start worker=0 pid=\d+ after=\d+ hint="the program must listen on process\.env\.PORT, which is \d+"/,
  )
})

t.test('the SIGTERM handlers of a program run once', async (t) => {
  const { port, child, exited, stdout, stderr } = await start(t, ['--workers', '2', app], { FIXTURE_GOODBYE: '1300' })
  const flushed = () => [/goodbye/g, /flushed/g].map((word) => stdout().match(word)?.length)
  // A worker that gets a real SIGTERM does not get a second one when it leaves.
  process.kill((await request({ port })).pid, 'SIGTERM')
  await until('the worker is replaced', () => stderr().match(/worker\.ready/g)?.length === 3)
  await until('it has finished its work', () => flushed()[1] === 1)
  t.strictSame(flushed(), [1, 1])
  child.kill('SIGTERM')
  t.strictSame(await exited, { code: 0, signal: null })
  t.strictSame(flushed(), [3, 3])
})

t.test('a program that starts workers by node:cluster ends at its start, with a clear error', async (t) => {
  const file = join(t.testdir({}), 'app.mjs')
  writeFileSync(
    file,
    `import cluster from 'node:cluster'
import http from 'node:http'
if (cluster.isPrimary) cluster.fork()
else http.createServer((_, response) => response.end()).listen(process.env.PORT)`,
  )
  const { exited, stderr } = startProgram(t, 'src/cli.js', ['--port', '0', '-w', '1', file])
  t.match(await exited, { code: 3 })
  t.match(stderr(), /StickyError: .*the program starts workers by cluster\.fork\(\); take that out/)
})

t.test('a failed start ends with a reason and an exit code', async (t) => {
  const taken = net.createServer().listen(0, '::')
  await once(taken, 'listening')
  t.teardown(() => void taken.close())
  const { port } = taken.address() as net.AddressInfo
  for (const [args, code, message] of [
    [[], 64, /^holdfast: no program is named; write holdfast app\.js\n.*--help/],
    [['--port', '70000', app], 64, /^holdfast: --port: expected an integer from 0 to 65535/],
    [['-c', 'missing.mjs', app], 64, /^holdfast: --config missing\.mjs: there is no such file\n/],
    [['--port', String(port), app], 1, /^holdfast: another process listens on the port: .*\n$/],
    [['--steering', 'kernel', '--balance', 'round-robin', app], 1, /balance: 'round-robin' .*; write 'auto'/],
  ] as const) {
    const { code: ended, stderr } = await ask(t, ...args)
    t.equal(ended, code, args.join(' '))
    t.match(stderr, message)
  }
  t.match(await ask(t, '--version'), { code: 0, stdout: /^\d+\.\d+\.\d+/ })
  t.match(await ask(t, '--help'), { code: 0, stdout: /^Usage: holdfast/ })
})

t.test('flags after the program go to the program, with a hint', async (t) => {
  const { port, stderr } = await start(t, ['--workers', '1', app, '--admin', '--workers', '2'])
  t.match((await request({ port })).args, ['--admin', '--workers', '2'])
  t.match(
    stderr(),
    /command\.flags-after-program flags="--admin --workers 2" hint="flags after the program go to the program; /,
  )
  t.match(stderr(), /write holdfast --admin --workers 2 \S+plain-app\.js"/)
})

t.test('the output of the processes arrives in whole lines', async (t) => {
  const { child, exited, stdout, stderr } = await start(t, ['--workers', '2', lines])
  const ends = (output: string) => output.match(/ end$/gm)?.length
  await until('all lines are there', () => ends(stdout()) === 400 && ends(stderr()) === 400, 60_000)
  for (const output of [stdout(), stderr()]) {
    const wrong = output.split('\n').filter((line) => line.includes('xx') && !/^\d+ \d+ x{20000} end$/.test(line))
    t.equal(wrong.length, 0, wrong.map((line) => line.slice(0, 50)).join())
  }
  child.kill('SIGTERM')
  t.strictSame(await exited, { code: 0, signal: null })
  t.equal(stdout().match(/done without a newline/g)?.length, 2)
})

t.test('an Express application needs no change', async (t) => {
  const { port } = await start(t, ['--workers', '2', express])
  const replies = await Promise.all(Array.from({ length: 8 }, (_, n) => request({ port, from: loopback(n) })))
  t.equal(new Set(replies.map(({ pid }) => pid)).size, 2)
})

async function start(t: Test, args: string[], env: Record<string, string> = {}): Promise<Program & { port: number }> {
  const program = startProgram(t, 'src/cli.js', ['--port', '0', ...args], env)
  const ended = () => program.child.exitCode !== null
  await until('it is ready', () => program.stderr().includes('balancer.ready') || ended())
  const [, port] = /balancer\.ready .* port=(\d+)/.exec(program.stderr()) ?? []
  if (port === undefined) throw new Error(program.stderr())
  return { ...program, port: Number(port) }
}

async function ask(t: Test, ...args: readonly string[]) {
  const { exited, stdout, stderr } = startProgram(t, 'src/cli.js', [...args])
  const { code } = await exited
  return { code, stdout: stdout(), stderr: stderr() }
}
