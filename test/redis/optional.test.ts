import { execFileSync } from 'node:child_process'
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { lookBeside, requireOptional } from '../../src/redis/optional.ts'

const optional = new URL('../../src/redis/optional.js', import.meta.url).href
const here = dirname(fileURLToPath(import.meta.url))

/** Files in a new folder. @returns the folder */
function folder(t: Test, files: Record<string, string>): string {
  const root = realpathSync(t.testdir())
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

const program = `
import { requireOptional } from '${optional}'
console.log(requireOptional(process.argv[2], 'the test').name)
`

function run(args: string[], cwd = here): string {
  return execFileSync(process.execPath, args, { cwd, encoding: 'utf8', stdio: 'pipe' }).trim()
}

t.test('a package beside the program is found, also through links and for a program that is a folder', async (t) => {
  const root = folder(t, {
    'app/program.mjs': program,
    'app/index.js': `import('./program.mjs')`,
    'app/node_modules/beside-the-program/index.js': 'exports.name = "found"',
    'bin/.keep': '',
  })
  symlinkSync(join(root, 'app/program.mjs'), join(root, 'bin/link.mjs'))
  for (const file of ['app/program.mjs', 'bin/link.mjs', 'app']) {
    t.equal(run([join(root, file), 'beside-the-program']), 'found', file)
  }
  t.equal(run(['--input-type=module', '-e', program, '-', 'beside-the-program'], join(root, 'app')), 'found')
})

t.test("the program's own version counts, and the one beside Holdfast else", async (t) => {
  const root = folder(t, {
    'app/program.mjs': program,
    'app/node_modules/ioredis/index.js': 'exports.name = "of the program"',
    'other/program.mjs': program,
  })
  t.equal(run([join(root, 'app/program.mjs'), 'ioredis']), 'of the program')
  t.equal(run([join(root, 'other/program.mjs'), 'ioredis']), 'Redis')
})

t.test('a package beside another program is found once that program is named', async (t) => {
  const root = folder(t, { 'app/node_modules/beside-a-worker/index.js': 'exports.name = "found"' })
  t.throws(() => requireOptional('beside-a-worker', 'the test'), {
    code: 'HOLDFAST_MISSING_PACKAGE',
    message: /the test needs beside-a-worker; run npm install beside-a-worker/,
  })
  lookBeside(join(root, 'app/worker.js'))
  t.match(requireOptional('beside-a-worker', 'the test'), { name: 'found' })
})

t.test('the error of a package that is installed and fails is not hidden', async (t) => {
  const root = folder(t, { 'app/node_modules/broken/index.js': 'require("a-package-that-is-missing")' })
  lookBeside(join(root, 'app/worker.js'))
  t.throws(() => requireOptional('broken', 'the test'), { code: 'MODULE_NOT_FOUND' })
})
