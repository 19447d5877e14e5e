// `holdfast --watch`: a change of a file reloads the workers.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort, request, until } from '../support/clients.ts'
import { startProgram, type Program } from '../support/program.ts'

const app = `
import { fork } from 'node:child_process'
import http from 'node:http'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { value } from './value.mjs'
import { nested } from './lib/nested.mjs'
const required = createRequire(import.meta.url)('./required.json')
const text = readFileSync(new URL('./views/page.txt', import.meta.url), 'utf8')
const hear = (message) => console.log('heard', JSON.stringify(message))
process.on('message', hear)
fork(new URL('./child.mjs', import.meta.url)).on('message', hear).on('exit', () => console.log('child ended'))
http
  .createServer((request, response) => response.end(JSON.stringify({ value, nested, required, text, pid: process.pid })))
  .listen(process.env.PORT)
`

const files = {
  'app.mjs': app,
  'child.mjs': "import './value.mjs'",
  'value.mjs': 'export const value = 1',
  'required.json': '1',
  lib: { 'nested.mjs': 'export const nested = 1' },
  views: { 'page.txt': '1' },
}

interface Watched extends Program {
  folder: string
  /** Writes the file in place. */
  write(name: string, text: string): void
  /** How often the log has this event. */
  times(event: string): number
  /** Resolves when the log has this event so many times. */
  logged(event: string, times: number): Promise<void>
  state(): Promise<Record<string, unknown>>
}

t.test('a change of a file that the program has loaded reloads the workers', async (t) => {
  const program = await start(t)
  const { state, write, logged, folder, stdout, stderr, times } = program
  t.match(await state(), { value: 1, nested: 1, required: 1 })

  // Some editors put a new file in the place of the old one, each time.
  for (const value of [2, 3]) {
    write('next.mjs', `export const value = ${value}`)
    renameSync(join(folder, 'next.mjs'), join(folder, 'value.mjs'))
    await logged('reload.done', value - 1)
    t.match(await state(), { value })
  }
  t.match(stderr(), /watch\.changed file=value\.mjs\n/)

  write('lib/nested.mjs', 'export const nested = 4')
  write('required.json', '4')
  await logged('reload.done', 3)
  t.match(await state(), { value: 3, nested: 4, required: 4 })
  t.match(stderr(), /watch\.changed file=\S+ more=1\n/)
  t.equal(times('reload.start'), 3, 'changes at one time are one reload')

  // As a change of the branch does.
  rmSync(join(folder, 'lib'), { recursive: true })
  await logged('watch.waiting', 1)
  t.match(await state(), { nested: 4 })
  mkdirSync(join(folder, 'lib'))
  write('lib/nested.mjs', 'export const nested = 5')
  await until('the new file is loaded', async () => (await state())['nested'] === 5)

  t.match(stdout(), /child ended/)
  t.notMatch(stdout(), /heard/, 'the program hears no report')
})

t.test('a file that does not compile ends nothing, and the next change tries again', async (t) => {
  const { state, write, logged, times, child, exited } = await start(t)
  const { pid } = await state()
  write('value.mjs', 'export const value =')
  await logged('watch.waiting', 1)
  t.match(await state(), { value: 1, pid }, 'the old process goes on')
  t.equal(times('reload.failed'), 1)
  // The file that the program has missed is new.
  write('value.mjs', "export { value } from './more.mjs'")
  await logged('watch.waiting', 2)
  write('more.mjs', 'export const value = 2')
  await logged('reload.done', 1)
  t.match(await state(), { value: 2 })
  child.kill('SIGTERM')
  t.strictSame(await exited, { code: 0, signal: null })
})

t.test('a program that cannot start waits for a change', async (t) => {
  const program = await start(t, { 'value.mjs': 'export const value =' }, ['--watch'], 'watch.waiting')
  t.equal(program.times('balancer.ready'), 0)
  program.write('value.mjs', 'export const value = 2')
  await program.logged('balancer.ready', 1)
  t.match(await program.state(), { value: 2 })
})

t.test('--watch-path watches these files and folders in place of the loaded files', async (t) => {
  const { state, write, logged, stderr } = await start(t, {}, ['--watch-path', 'views', '--watch-path=lib/nested.mjs'])
  write('value.mjs', 'export const value = 2')
  write('views/page.txt', '2')
  await logged('reload.done', 1)
  t.match(await state(), { value: 2, text: '2' })
  t.match(stderr(), /watch\.changed file=views\/page\.txt\n/)
  write('views/deep/deeper/new.txt', 'new')
  await logged('reload.done', 2)
  write('views/deep/deeper/new.txt', 'changed')
  await logged('reload.done', 3)
  t.match(stderr(), /watch\.changed file=views\/deep\/deeper\/new\.txt\n/)
  write('lib/nested.mjs', 'export const nested = 2')
  await logged('reload.done', 4)
  t.match(await state(), { nested: 2 })
})

async function start(
  t: Test,
  changed: Record<string, string> = {},
  flags = ['--watch'],
  event = 'balancer.ready',
): Promise<Watched> {
  const folder = t.testdir({ ...files, ...changed })
  const port = await freePort()
  const args = ['--port', String(port), '--workers', '1', ...flags, 'app.mjs']
  const program = startProgram(t, 'src/cli.js', args, {}, folder)
  const times = (name: string): number => program.stderr().split(name).length - 1
  const logged = (name: string, wanted: number) =>
    until(`${name}, ${wanted} times`, () => times(name) >= wanted || program.child.exitCode !== null)
  await logged(event, 1)
  return {
    ...program,
    folder,
    times,
    logged,
    state: () => request({ port }),
    write(name, text) {
      mkdirSync(join(folder, name, '..'), { recursive: true })
      writeFileSync(join(folder, name), text)
    },
  }
}
