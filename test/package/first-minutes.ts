// What a new user sees of the packed package: its types, its documents, and the examples of its README. Part of
// `npm run test:package`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { io } from 'socket.io-client'
import t, { type Test } from 'tap'
import { freePort, install, ROOT, run, start, text, until } from './installation.ts'

/** The packages that the types of an entry point need, besides those of Node. */
const PEERS: Readonly<Record<string, string[]>> = {
  holdfast: [],
  'holdfast/broadcast': [],
  'holdfast/compat': [],
  'holdfast/socket.io': ['socket.io'],
}

const OPTIONS = { timeout: 300_000 }

for (const peers of [[], ['socket.io']]) {
  t.test(`the types are whole with ${['@types/node', ...peers].join(' and ')} alone`, OPTIONS, async (t) => {
    const { folder } = await install(t, ['@types/node', ...peers])
    const faces = Object.keys(PEERS).filter((face) => PEERS[face]!.every((name) => peers.includes(name)))
    for (const [n, face] of faces.entries()) {
      // Programs of a user: `declaration` lets the compiler name the types, too.
      writeFileSync(join(folder, `${n}.ts`), `import * as face from '${face}'\nexport const all = { ...face }\n`)
    }
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const common = ['--noEmit', '--declaration', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false']
    for (const [module, resolution] of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ] as const) {
      const how = ['--module', module, '--moduleResolution', resolution, '--target', 'es2022', '--types', 'node']
      const files = faces.map((_, n) => `${n}.ts`)
      const { stdout } = await run(process.execPath, [compiler, ...common, ...how, ...files], folder)
      t.equal(stdout, '', `${faces.join(', ')}: ${module}`)
    }
  })
}

t.test('no link of its documents is dead, and nothing in it asks for an approval', OPTIONS, async (t) => {
  const { folder, files, warnings } = await install(t)
  const installed = join(folder, 'node_modules/holdfast')
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Record<string, unknown>
  const scripts = Object.keys(manifest['scripts'] as object)
  t.notOk(
    scripts.some((name) => /^(pre|post)?(install|prepare)$/.test(name)),
    'npm runs none of its scripts',
  )
  t.notMatch(warnings, /holdfast@/)
  const { url } = manifest['repository'] as { url: string }
  t.match(url, /^git\+https:\/\/.+\.git$/)
  const home = url.replace(/^git\+|\.git$/g, '')
  t.match(manifest, { homepage: `${home}#readme`, bugs: `${home}/issues` })
  const documents = files.filter((path) => path.endsWith('.md'))
  t.ok(documents.includes('README.md') && documents.includes('docs/migrate.md'))
  let outside = 0
  for (const document of documents) {
    const page = readFileSync(join(installed, document), 'utf8')
    for (const [, target = ''] of page.matchAll(/\]\(([^)#\s]+)/g)) {
      if (!/^\w+:/.test(target)) t.ok(files.includes(join(dirname(document), target)), `${document}: ${target}`)
      else if (target.startsWith(`${home}/`)) {
        outside++
        const [, path = ''] = /\/(?:blob|tree)\/v[\d.]+\/(.+)$/.exec(target) ?? []
        t.ok(path !== '' && existsSync(join(ROOT, path)), `${document}: ${target}`)
      }
    }
  }
  t.ok(outside > 0, 'links to files that are not in the package lead to the repository')
})

t.test('packing changes no document of the repository', async (t) => {
  const changed = readFileSync(join(ROOT, 'README.md'), 'utf8')
  t.match(changed, '](src/options/options.ts)')
  t.notOk(existsSync(join(ROOT, 'build/documents')))
})

for (const manifest of [{}, { type: 'commonjs' }]) {
  t.test(
    `the README's examples run as they stand, in a folder with ${JSON.stringify(manifest)}`,
    OPTIONS,
    async (t) => {
      const { folder } = await install(t, ['socket.io', '@socket.io/cluster-adapter'], manifest)
      const readme = readFileSync(join(folder, 'node_modules/holdfast/README.md'), 'utf8')
      const examples = [...readme.matchAll(/^```js\n(\/\/ (\S+\.mjs)\n.*?)^```$/gms)]
      t.strictSame(
        examples.map(([, , name]) => name),
        ['app.mjs', 'chat.mjs'],
      )
      for (const [, source = '', name = ''] of examples) {
        t.match(readme, `\`node ${name}\``, 'the README says how to start it')
        // Port 3000 of this machine may be in use.
        const port = await freePort()
        t.match(source, ', 3000)')
        writeFileSync(join(folder, name), source.replace(', 3000)', `, ${port})`))
        await runExample(t, folder, name, port)
      }
    },
  )
}

async function runExample(t: Test, folder: string, name: string, port: string): Promise<void> {
  const { printed, signal, exited } = start(t, folder, [name], { WEB_CONCURRENCY: '2' })
  await printed(/balancer\.ready/)
  const shown = await text(port, '/')
  if (name === 'app.mjs') t.match(shown, /^worker [01]\n$/)
  else await chat(t, port, shown)
  signal('SIGTERM')
  t.strictSame(await exited, [0, null])
}

async function chat(t: Test, port: string, page: string): Promise<void> {
  t.match(page, '/socket.io/socket.io.js')
  t.match(await text(port, '/socket.io/socket.io.js'), /Socket\.IO/i, 'the script of the page is there')
  const received: string[] = []
  const sockets = Array.from({ length: 8 }, (_, n) => {
    const options = { forceNew: true, transports: ['websocket'], localAddress: `127.0.0.${n + 1}` }
    return io(`http://127.0.0.1:${port}`, options as object).on('chat', (said: string) => received.push(said))
  })
  t.teardown(() => sockets.forEach((socket) => socket.close()))
  await until('all are connected', () => sockets.every(({ connected }) => connected))
  sockets[0]!.emit('chat', 'hello')
  await until('all have heard it', () => received.length === sockets.length)
  t.match(received[0], /^worker [01]: hello$/)
  for (const socket of sockets) socket.close()
}
