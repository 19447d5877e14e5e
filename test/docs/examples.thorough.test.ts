// Every example of a document that is a whole program: it starts as it stands, and answers `/` with something to see.
import { mkdirSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { dial, freePort, until } from '../support/clients.ts'
import { startProgram } from '../support/program.ts'
import { list, read } from './rooms.ts'

/** Programs begin with their file name. */
const PROGRAM = /^```js\n(\/\/ [\w-]+\.mjs\n.*?)^```$/gms

for (const page of ['README.md', ...list('docs', '.md')]) {
  const programs = [...read(page).matchAll(PROGRAM)].filter(([, source]) => source!.includes('stickyListen('))
  for (const [n, [, source = '']] of programs.entries()) {
    t.test(`${page}, program ${n + 1} of ${programs.length}`, async (t) => {
      const port = await freePort()
      t.match(source, /\b3000\b/)
      // Inside the package, so that the program can import the package by name.
      const folder = new URL('../fixtures/docs/', import.meta.url)
      mkdirSync(folder, { recursive: true })
      const name = `${page.replaceAll('/', '-')}-${n}.mjs`
      const changed = source.replaceAll(/\b3000\b/g, String(port)).replaceAll(/\b9464\b/g, String(await freePort()))
      writeFileSync(new URL(name, folder), changed)
      const program = startProgram(t, `test/fixtures/docs/${name}`, [], { WEB_CONCURRENCY: '2' })
      await until('it is ready', () => program.stderr().includes('balancer.ready') || program.child.exitCode !== null)
      const socket = await dial(port)
      const header = source.includes('proxyProtocol') ? 'PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n' : ''
      socket.end(`${header}GET / HTTP/1.0\r\n\r\n`)
      const answer = await text(socket)
      t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
      t.match(answer, /\r\n\r\n.*\S/s)
    })
  }
}
