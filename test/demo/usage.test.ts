// Tests of all demos.
import { readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { startProgram } from '../support/program.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> }
const names = readdirSync(`${root}demo`, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['chat', 'support'].includes(entry.name))
  .map(({ name }) => name)

t.test('every demo has a script, a short README and a --help', async (t) => {
  t.ok(names.length > 0)
  const wrong = names.map((name) => startProgram(t, `demo/${name}/server.js`, ['--workers', 'many']))
  for (const [n, name] of names.entries()) {
    t.match(scripts, { [`demo:${name}`]: `node build/demo/${name}/server.js`, [`predemo:${name}`]: 'npm run build' })
    const readme = readFileSync(`${root}demo/${name}/README.md`, 'utf8')
    t.match(readme, `npm run demo:${name}`)
    t.ok(readme.trimEnd().split('\n').length <= 30, 'at most 30 lines')
    const { exited, stdout, stderr } = wrong[n]!
    t.match(await exited, { code: 64 }, name)
    t.match(stderr(), /^--workers: expected a whole number from \d to 256, got 'many'\n\nUsage: /)
    t.match(stderr(), new RegExp(`Usage: npm run demo:${name} -- .*--port N .*--workers N .*--help`, 's'))
    t.equal(stdout(), '')
  }
})

t.test('--help shows the usage and ends with code 0', async (t) => {
  const program = startProgram(t, 'demo/express/server.js', ['--help'])
  t.match(await program.exited, { code: 0 })
  t.match(program.stdout(), /^Usage: npm run demo:express -- /)
})

t.test('a demo that needs workers refuses 0, from the flag and from the environment', async (t) => {
  const byFlag = startProgram(t, 'demo/kernel/server.js', ['--workers', '0'])
  const byEnvironment = startProgram(t, 'demo/kernel/server.js', [], { WEB_CONCURRENCY: '0' })
  for (const [name, { exited, stderr }] of [
    ['--workers', byFlag],
    ['WEB_CONCURRENCY', byEnvironment],
  ] as const) {
    t.match(await exited, { code: 64 })
    t.match(stderr(), `${name}: expected a whole number from 1 to 256, got '0'\n\nUsage: `)
  }
})

t.test('a demo that does not use Redis refuses --redis', async (t) => {
  const program = startProgram(t, 'demo/express/server.js', ['--redis'])
  t.match(await program.exited, { code: 64 })
  t.match(program.stderr(), /^--redis: this demo has no use for Redis/)
})

t.test('an invalid REDIS_URL ends a demo at once, with one line', async (t) => {
  for (const demo of ['chat', 'counter', 'sessions', 'ws']) {
    const program = startProgram(t, `demo/${demo}/server.js`, ['--port', '0'], { REDIS_URL: 'redis://127.0.0.1:99999' })
    t.match(await program.exited, { code: 64 }, demo)
    t.match(program.stderr(), /^HOLDFAST_BAD_OPTION: environment variable REDIS_URL: expected a URL .*\n$/)
  }
})

t.test('the next free port replaces a port in use, unless --port names it', async (t) => {
  const taken = net.createServer().listen(0)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as net.AddressInfo
  const insisting = startProgram(t, 'demo/express/server.js', ['--port', String(port)])
  t.match(await insisting.exited, { code: 1 })
  t.match(insisting.stderr(), /^HOLDFAST_PORT_IN_USE: /)
  const yielding = startProgram(t, 'demo/express/server.js', ['--workers', '0'], { PORT: String(port) })
  await yielding.printed(/Ctrl-C stops it/)
  t.match(yielding.stdout(), `Port ${port} is taken, trying ${port + 1}.`)
  t.match(yielding.stdout(), `Workers    none; this process serves (pid ${yielding.pid})`)
})
