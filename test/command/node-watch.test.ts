// `node --watch` in front of Holdfast: a change of a file that only workers load restarts everything.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { freePort, request, until } from '../support/clients.ts'
import { startProgram } from '../support/program.ts'

const face = new URL('../../src/index.js', import.meta.url).href
const command = fileURLToPath(new URL('../../src/cli.js', import.meta.url))

const server = `
import http from 'node:http'
import { value } from './value.mjs'
process.on('message', (message) => console.log('heard', JSON.stringify(message)))
// Loaded when the channel to the primary is closed.
process.on('SIGTERM', () => setTimeout(async () => {
  await import('./late.mjs')
  process.exit()
}, 50))
export const server = http.createServer((request, response) => response.end(JSON.stringify({ value })))
`

const files = {
  'value.mjs': 'export const value = 1',
  'late.mjs': "console.log('last words')",
  'server.mjs': server,
  'plain.mjs': "import { server } from './server.mjs'\nserver.listen(process.env.PORT)",
  'sticky.mjs': `
import { stickyListen } from '${face}'
process.on('message', (message) => console.log('heard', JSON.stringify(message)))
stickyListen(async () => (await import('./server.mjs')).server, { workers: 1 })`,
}

t.test('node --watch restarts the command when a file of the program changes', async (t) => {
  const folder = t.testdir(files)
  await restarts(t, folder, command, ['--workers', '1', 'plain.mjs'])
})

t.test('node --watch restarts a program whose workers alone load the file', async (t) => {
  const folder = t.testdir(files)
  await restarts(t, folder, join(folder, 'sticky.mjs'), [])
})

async function restarts(t: Test, folder: string, file: string, args: string[]): Promise<void> {
  const port = await freePort()
  const program = startProgram(t, file, args, { PORT: String(port) }, folder, ['--watch'])
  const ready = (times: number) =>
    until(`it is ready ${times} times`, () => program.stderr().split('balancer.ready').length > times)
  await ready(1)
  t.match(await request({ port }), { value: 1 })
  writeFileSync(join(folder, 'value.mjs'), 'export const value = 2')
  await ready(2)
  t.match(await request({ port }), { value: 2 })
  t.match(program.stdout(), /last words/)
  t.notMatch(program.stdout(), /heard/, 'the listeners of the program hear no report')
  t.notMatch(program.stderr(), /Error/)
}
