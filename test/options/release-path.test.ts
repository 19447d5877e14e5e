import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { throughLink, workingDirectory } from '../../src/options/release-path.ts'

t.test('the working directory is the path that the shell used, if it leads to this directory', async (t) => {
  const { PWD } = process.env
  const before = process.cwd()
  t.teardown(() => {
    process.env['PWD'] = PWD
    process.chdir(before)
  })
  const folder = t.testdir({ 1: {}, 2: {}, current: t.fixture('symlink', '1') })
  const current = join(folder, 'current')
  process.chdir(current)
  const cases = [
    [current, current],
    ['current', join(folder, '1')],
    [join(folder, '2'), join(folder, '1')],
    [join(folder, 'nowhere'), join(folder, '1')],
    [undefined, join(folder, '1')],
  ] as const
  for (const [given, expected] of cases) {
    if (given === undefined) delete process.env['PWD']
    else process.env['PWD'] = given
    t.equal(workingDirectory(), expected, String(given))
  }
})

t.test('a file is found through the link above it', async (t) => {
  const folder = t.testdir({ releases: { 1: { bin: { tool: '' } } }, other: {} })
  const current = join(folder, 'current')
  symlinkSync('releases/1', current)
  const file = join(folder, 'releases/1/bin/tool')
  for (const via of [current, join(current, 'bin'), join(current, 'bin/tool')]) {
    t.equal(throughLink(file, ['/nowhere', via]), join(current, 'bin/tool'), via)
  }
  t.equal(throughLink(file, []), file)
  t.equal(throughLink(file, [join(folder, 'other'), folder]), file, 'no link')
  rmSync(current)
  t.equal(throughLink(file, [current]), file, 'the link leads nowhere')
})
