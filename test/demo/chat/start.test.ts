import { once } from 'node:events'
import { existsSync, readlinkSync } from 'node:fs'
import net from 'node:net'
import t from 'tap'
import { until } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { descendants, isRunning, startProgram } from '../../support/program.ts'

const server = 'demo/chat/server.js'
const ready = /Ctrl-C stops it/

async function takePort(t: { teardown(end: () => void): unknown }): Promise<number> {
  const taken = net.createServer().listen(0)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  return (taken.address() as net.AddressInfo).port
}

t.test('the demo starts without Redis, serves its page and stops with one Ctrl-C', async (t) => {
  const demo = startProgram(t, server, ['--port', '0', '--workers', '2'])
  await demo.printed(ready)
  const [, url] = await demo.printed(/Open +(http:\/\/127\.0\.0\.1:\d+)/)
  t.match(demo.stdout(), /Workers +0 \(pid \d+\), 1 \(pid \d+\)/)
  t.match(demo.stdout(), /Backplane +Node IPC/)
  const [, admin] = await demo.printed(/Admin +(http:\S+)/)
  t.match(await (await fetch(new URL('metrics', admin))).text(), /^holdfast_workers 2$/m)

  const page = await fetch(url!)
  t.match(await page.text(), /<title>Holdfast chat/)
  t.match(page.headers.get('content-security-policy'), /default-src 'none'/)
  t.equal((await fetch(`${url}/socket.io/socket.io.esm.min.js`)).status, 200, 'the client comes from here too')

  const processes = [demo.pid, ...descendants(demo.pid)]
  t.equal(processes.length, 3)
  const asked = performance.now()
  demo.child.kill('SIGINT')
  t.strictSame(await demo.exited, { code: 0, signal: null })
  t.ok(performance.now() - asked < 2_000, 'within two seconds')
  t.notOk(processes.some(isRunning), 'no process is left')
  t.match(demo.stdout(), /Stopped\.\n$/)
  t.equal(demo.stderr(), '')
})

t.test('a port of --port that is in use is an error with a code', async (t) => {
  const port = await takePort(t)
  const demo = startProgram(t, server, ['--port', String(port), '--workers', '2'])
  t.match(await demo.exited, { code: 1 })
  t.match(demo.stderr(), /^HOLDFAST_PORT_IN_USE: /)
  t.match(demo.stderr(), new RegExp(`port ${port}`))
  t.strictSame(descendants(demo.pid), [])
})

t.test('without --port, the next free port replaces a port in use, with a note', async (t) => {
  const port = await takePort(t)
  const demo = startProgram(t, server, ['--workers', '2'], { PORT: String(port) })
  await demo.printed(ready)
  t.match(demo.stdout(), `Port ${port} is taken, trying ${port + 1}.`)
  const [, got] = await demo.printed(/Open +http:\/\/127\.0\.0\.1:(\d+)/)
  t.ok(Number(got) > port)
  t.equal((await fetch(`http://127.0.0.1:${got}/`)).status, 200)
})

t.test('an invalid environment variable is an error with a code', async (t) => {
  const demo = startProgram(t, server, ['--port', '0'], { WEB_CONCURRENCY: 'many' })
  t.match(await demo.exited, { code: 64 })
  t.match(demo.stderr(), /^HOLDFAST_BAD_OPTION: .*WEB_CONCURRENCY/)
})

t.test('without workers one process does all the work', async (t) => {
  const port = await takePort(t)
  const demo = startProgram(t, server, ['--workers', '0'], { PORT: String(port) })
  await demo.printed(ready)
  t.match(demo.stdout(), `Port ${port} is taken, trying ${port + 1}.`)
  t.match(demo.stdout(), `Workers    none; this process serves (pid ${demo.pid})`)
  t.match(demo.stdout(), /Backplane +none/)
  const [, url] = await demo.printed(/Open +(http:\/\/127\.0\.0\.1:\d+)/)
  t.match(await (await fetch(url!)).text(), /<title>Holdfast chat/)
  t.strictSame(descendants(demo.pid), [])
  demo.child.kill('SIGINT')
  t.strictSame(await demo.exited, { code: 0, signal: null })
  t.match(demo.stdout(), /Stopped\.\n$/)
  t.equal(demo.stderr(), '')
})

t.test('--help shows the usage and ends with code 0', async (t) => {
  const demo = startProgram(t, server, ['--help'])
  t.match(await demo.exited, { code: 0 })
  t.match(demo.stdout(), /^Usage: npm run demo/)
})

for (const [args, complaint] of [
  [['--prot', '3000'], /--prot/],
  [['--port', '80a'], /--port: expected a whole number from 0 to 65535, got '80a'/],
  [['--workers', '257'], /--workers: expected a whole number from 0 to 256, got '257'/],
  [['extra'], /extra/],
] as const) {
  t.test(`'${args.join(' ')}' is refused with the usage`, async (t) => {
    const demo = startProgram(t, server, [...args])
    t.match(await demo.exited, { code: 64 })
    t.match(demo.stderr(), complaint)
    t.match(demo.stderr(), /Usage: npm run demo/)
    t.equal(demo.stdout(), '')
  })
}

t.test('--redis starts a private Redis', { skip: missing('redis-server') }, async (t) => {
  t.test('the private Redis ends after Ctrl-C', async (t) => {
    const demo = startProgram(t, server, ['--port', '0', '--workers', '2', '--redis'])
    await demo.printed(ready)
    t.match(demo.stdout(), /Backplane +Redis, a private one/)
    const processes = [demo.pid, ...descendants(demo.pid)]
    demo.child.kill('SIGINT')
    t.match(await demo.exited, { code: 0 })
    await until('Redis and its guard are gone', () => !processes.some(isRunning))
    t.equal(demo.stderr(), '')
  })

  t.test('the private Redis ends after the demo was killed', async (t) => {
    const demo = startProgram(t, server, ['--port', '0', '--workers', '2', '--redis'])
    await demo.printed(ready)
    const processes = descendants(demo.pid)
    t.teardown(() => processes.filter(isRunning).forEach((pid) => process.kill(pid, 'SIGKILL')))
    const folders = processes.map(folderOf).filter((folder) => folder !== undefined)
    t.equal(folders.length, 1)
    demo.child.kill('SIGKILL')
    await until('everything is gone', () => !processes.some(isRunning) && !folders.some((folder) => existsSync(folder)))
  })

  t.test('the folder is removed even if Redis was killed first, and then the demo', async (t) => {
    const demo = startProgram(t, server, ['--port', '0', '--workers', '2', '--redis'])
    await demo.printed(ready)
    const processes = descendants(demo.pid)
    const [redis, folder] = processes.map((pid) => [pid, folderOf(pid)] as const).find(([, found]) => found)!
    process.kill(redis, 'SIGKILL')
    await until('the demo has noticed', () => /redis-server has ended/.test(demo.stderr()))
    demo.child.kill('SIGKILL')
    await until('everything is gone', () => !processes.some(isRunning) && !existsSync(folder!))
  })

  t.test('without redis-server on the PATH, --redis is an error', async (t) => {
    const demo = startProgram(t, server, ['--port', '0', '--redis'], { PATH: '/nonexistent' })
    t.match(await demo.exited, { code: 1 })
    t.match(demo.stderr(), /^DEMO_REDIS_MISSING: redis-server is not installed; install it/)
  })
})

/** The private folder of Redis. */
function folderOf(pid: number): string | undefined {
  const folder = readlinkSync(`/proc/${pid}/cwd`)
  return /holdfast-demo-/.test(folder) ? folder : undefined
}
