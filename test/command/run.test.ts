import { join } from 'node:path'
import t from 'tap'
import { readArguments, type Run } from '../../src/command/arguments.ts'
import { run } from '../../src/command/run.ts'

delete process.env['PORT']

/** A file that exists; none of these command lines starts it. */
const app = import.meta.filename

t.test('an option of a file is refused with the name of the file', async (t) => {
  const folder = t.testdir({
    'bad.json': '{',
    'bad.mjs': 'export default {',
    'list.json': '[]',
    'none.mjs': '',
    'zero.json': '{"workers":0}',
    'exec.json': '{"exec":"a"}',
    'nested.json': '{"limits":{"maxPending":0}}',
    'unknown.json': '{"wrokers":2}',
  })
  const complaints: [file: string, message: RegExp][] = [
    ['missing.json', /^--config \S+missing\.json: there is no such file$/],
    ['missing.mjs', /^--config \S+missing\.mjs: there is no such file$/],
    ['.', /^--config \S+: expected a file, got a folder$/],
    ['bad.json', /^--config \S+bad\.json: .*JSON/],
    ['bad.mjs', /^--config \S+bad\.mjs: Unexpected end of input$/],
    ['list.json', /list\.json: expected an object of options, got \[\]; write \{ "workers": 4 \}$/],
    ['none.mjs', /none\.mjs: expected an object of options, got undefined; write export default \{ workers: 4 \}$/],
    [
      'zero.json',
      /zero\.json options\.workers: expected an integer from 1 to 256, got 0; write workers: 4, or .* node /,
    ],
    ['nested.json', /nested\.json options\.limits\.maxPending: expected .*; write limits: \{ maxPending: 4096 \}$/],
    ['unknown.json', /unknown\.json options: unknown option 'wrokers'; did you mean 'workers'\?$/],
    ['exec.json', /exec\.json options\.exec: leave exec out; the command line names the program$/],
  ]
  for (const [name, message] of complaints) {
    await t.rejects(start('-c', join(folder, name), app), { name: 'UsageError', message }, name)
  }
  const mixed = start('-c', join(folder, 'zero.json'), '--workers', 'x', app)
  await t.rejects(
    mixed,
    { message: /^--workers: expected/ },
    'a flag overrides the file, and the message names the flag',
  )
})

t.test('a number of 0 workers is refused where it comes from', async (t) => {
  const instead = /, or for one process without a balancer: node \S+run\.test\.js$/
  await t.rejects(start('-w', '0', app), { name: 'UsageError', message: /^--workers: .*got 0; write --workers 4,/ })
  await t.rejects(start('-w', '0', app), { message: instead })
  process.env['WEB_CONCURRENCY'] = '0'
  t.teardown(() => delete process.env['WEB_CONCURRENCY'])
  await t.rejects(start(app), { message: /^environment variable WEB_CONCURRENCY: .*got 0; write WEB_CONCURRENCY=4,/ })
})

t.test('what cannot be watched is refused', async (t) => {
  const missing = /^--watch-path: expected the path of a file or a folder, got 'viws'; there is no \S+viws$/
  await t.rejects(start('--watch-path', 'viws', app), { name: 'UsageError', message: missing })
  const message = /^--node --watch: the processes cannot watch; write holdfast --watch \S+run\.test\.js$/
  await t.rejects(start('--node=--watch', app), { name: 'UsageError', message })
  await t.rejects(start('--node=--watch-path=a', app), { message: /^--node --watch-path=a: / })
})

t.test('a program that is no file is refused with what to write', async (t) => {
  const message = 'there is no program nowhere.js; write holdfast app.js with the path of the file'
  await t.rejects(start('nowhere.js'), { name: 'UsageError', message })
  await t.rejects(start('npm', 'start'), { message: /^there is no program npm; write holdfast / })
})

t.test('a working directory that is none is refused before the program is looked for', async (t) => {
  const message = /^--cwd: expected the path of a folder, got '\.\/nowhere'; there is no folder \S+\/nowhere$/
  await t.rejects(start('--cwd', './nowhere', app), { name: 'UsageError', message })
})

async function start(...args: string[]): Promise<void> {
  await run(readArguments(args) as Run)
}
