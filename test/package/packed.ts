// The package as it is published: packed, installed into an empty folder, and used there. `npm run test:package`; it needs
// the npm registry, or its cache, for the packages that the installed one works with.
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePort, install, readManifest, ROOT, run, start, text, until } from './installation.ts'

const PROGRAMS = new URL('programs/', import.meta.url)

/** Files besides the documents in the package. */
const MOST_FILES = 60

/** What programs and declarations need besides Holdfast. ioredis is left out: it is optional. */
const COMPANIONS = ['socket.io', '@socket.io/cluster-adapter', '@types/node']

const { exports, version } = readManifest(ROOT)
const faces = Object.keys(exports).filter((name) => typeof exports[name] === 'object')

t.test('the package', { timeout: 300_000 }, async (t) => {
  const { folder, files } = await install(t, COMPANIONS)
  // What a program imports by name is found from its own folder.
  cpSync(PROGRAMS, folder, { recursive: true, filter: (file) => !file.endsWith('.map') })

  t.test(`has few files, and none of the repository's own`, async (t) => {
    const code = files.filter((path) => !/^docs\/|\.md$/.test(path))
    t.ok(code.length < MOST_FILES, `${code.length} files`)
    t.strictSame(
      code.filter((path) => !/^(dist\/|package\.json$|LICENSE$)/.test(path)),
      [],
    )
    const installed = join(folder, 'node_modules/holdfast')
    for (const path of code.filter((path) => path.endsWith('.js') && !path.includes('/page/'))) {
      const { sources } = JSON.parse(readFileSync(join(installed, `${path}.map`), 'utf8')) as { sources: string[] }
      t.strictSame(
        sources.filter((source) => !source.startsWith('../src/')),
        [],
        `${path} is mapped to the sources`,
      )
    }
  })

  for (const face of faces) {
    const name = face.replace('.', 'holdfast')
    t.test(`${name} is the same by import, by require, and unbundled`, async (t) => {
      const imported = await evaluate(folder, `import * as face from '${name}'`, 'module')
      t.ok(imported.length > 0)
      t.strictSame(await evaluate(folder, `const face = require('${name}')`, 'commonjs'), imported)
      t.strictSame(await evaluate(ROOT, `import * as face from '${name}'`, 'module'), imported)
    })
  }

  t.test('its types are whole, and fit programs that use every face', async (t) => {
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
    const programs = readdirSync(join(ROOT, 'test/package/programs'))
    for (const file of programs) cpSync(join(ROOT, 'test/package/programs', file), join(folder, file))
    t.equal((await run(process.execPath, [compiler, ...options, ...programs], folder)).stdout, '')
  })

  t.test('its faces share one state in a process', async (t) => {
    const { stdout } = await run(process.execPath, ['one-state.js'], folder)
    t.match(JSON.parse(stdout), { code: 'HOLDFAST_MISSING_PACKAGE', functions: Array(6).fill('function') })
  })

  t.test(
    'its faces share one state in the workers: a server answers, its workers hear each other, and are reloaded',
    async (t) => {
      const [port, admin] = [await freePort(), await freePort()]
      const { printed, signal, exited } = start(t, folder, ['server.js'], { PORT: port, ADMIN: admin })
      await printed(/all ready/)
      const before = await visit(port, 2)
      for (const answer of before.values()) t.match(answer, { bus: 'ipc', backplane: 'ipc', worker: /[01]/ })
      const [home, other] = [...before.keys()] as [string, string]
      const { pid } = await ask(port, home, '/shout')
      await until('the other worker hears it', async () => {
        const { heard } = await ask(port, other)
        return heard?.['bus'] === pid && heard['io'] === pid
      })
      t.match(await text(admin, '/'), /<!doctype html>/i, 'the page of the admin interface')
      t.match(await text(admin, '/page.js'), /\S/)
      signal('SIGHUP')
      const gone = [...before.values()].map((answer) => answer.pid)
      await until('both workers are new', async () => {
        const now = [...(await visit(port, 2)).values()]
        return !now.some((answer) => gone.includes(answer.pid))
      })
      signal('SIGTERM')
      t.strictSame(await exited, [0, null])
    },
  )

  t.test('its command runs a program that knows nothing of it, shows it and reloads it', async (t) => {
    const command = join(folder, 'node_modules/.bin/holdfast')
    t.equal((await run(command, ['--version'], folder)).stdout, `${version}\n`)
    const [port, admin] = [await freePort(), await freePort()]
    const args = ['--workers', '2', '--port', port, '--admin', admin, 'plain.js']
    const { signal, exited } = start(t, folder, [command, ...args])
    const before = [...(await visit(port, 2)).values()].map((answer) => answer.pid)
    t.match((await run(command, ['status', '--admin', admin], folder)).stdout, /ready/)
    await run(command, ['reload', '--admin', admin], folder)
    for (const { pid } of (await visit(port, 2)).values()) t.notOk(before.includes(pid))
    signal('SIGTERM')
    t.strictSame(await exited, [0, null])
  })

  t.test('a program of sticky-session has its workers, and each client keeps one', async (t) => {
    const port = await freePort()
    const { printed } = start(t, folder, ['cluster.js'], { PORT: port })
    await printed(/listening/)
    for (const [from, { pid }] of await visit(port, 2)) t.equal((await ask(port, from)).pid, pid)
  })
})

/** @returns what the face exports, after the statement that brings it */
async function evaluate(cwd: string, statement: string, type: 'module' | 'commonjs'): Promise<string[]> {
  const program = `${statement}; console.log(JSON.stringify(Object.keys(face).filter((name) => name !== '__esModule').sort()))`
  return JSON.parse((await run(process.execPath, [`--input-type=${type}`, '-e', program], cwd)).stdout) as string[]
}

interface Answer {
  pid: number
  heard?: Record<string, unknown>
}

/** @returns for each of so many workers a client's address and what the client was answered */
async function visit(port: string, workers: number): Promise<Map<string, Answer>> {
  const found = new Map<number, [from: string, answer: Answer]>()
  let n = 0
  await until(`${workers} workers answer`, async () => {
    const from = `127.0.0.${1 + (n++ % 250)}`
    // A command listens a moment after its start.
    const answer = await ask(port, from).catch(() => undefined)
    if (answer !== undefined && !found.has(answer.pid)) found.set(answer.pid, [from, answer])
    return found.size === workers
  })
  return new Map(found.values())
}

async function ask(port: string, from: string, path = '/'): Promise<Answer> {
  return JSON.parse(await text(port, path, from)) as Answer
}
