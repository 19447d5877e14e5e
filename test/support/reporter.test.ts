import t, { type Test } from 'tap'
import Reporter from './reporter.ts'

/** The reporter's text about a run, and its exit code. */
async function report(t: Test, tap: string, ci: string): Promise<{ text: string; exitCode: unknown }> {
  const before = [process.env['CI'], process.exitCode] as const
  process.env['CI'] = ci
  const reporter = new Reporter()
  // The text comes in pieces, as from a pipe.
  for (let at = 0; at < tap.length; at += 7) reporter.write(tap.slice(at, at + 7))
  reporter.end()
  const text = (await reporter.toArray()).join('')
  const { exitCode } = process
  process.exitCode = before[1]
  if (before[0] === undefined) delete process.env['CI']
  else process.env['CI'] = before[0]
  t.notMatch(text, 'TAP version', 'no raw TAP where nothing failed to load')
  return { text, exitCode }
}

const file = (name: string, tests: string, end: string) => `# Subtest: ${name}\n${tests}    1..1\n${end}\n`
const test = (line: string) => `    # Subtest: it\n        ok 1 - inner\n        1..1\n    ${line}\n    \n`
const fine = `TAP version 14\n1..1\n${file('a.test.js', test('ok 1 - it # time=2ms') + test('ok 2 - too # time=2ms'), 'ok 1 - a.test.js # time=1234.5ms')}`

t.test('a file is a line, and the last line counts', async (t) => {
  const { text, exitCode } = await report(t, fine, '')
  t.equal(text, 'ok    a.test.js  2 tests, 1.2 s\n2 passed, 0 failed\n')
  t.equal(exitCode, undefined)
})

t.test('a failed test is reported in full, without the parts that passed', async (t) => {
  const bad =
    '    # Subtest: it\n        ok 1 - inner\n        not ok 2 - broken\n          ---\n          diff: here\n          ...\n    not ok 1 - it\n'
  const { text } = await report(
    t,
    file('a.test.js', bad, 'not ok 1 - a.test.js # time=5ms\n  ---\n  exitCode: 1\n  ...'),
    '',
  )
  t.match(
    text,
    /FAIL {2}a\.test\.js[^]*not ok 2 - broken[^]*diff: here[^]*exitCode: 1[^]*failed: a\.test\.js\n0 passed, 1 failed\n$/,
  )
  t.notMatch(text, 'ok 1 - inner')
})

t.test('a file that fails beside its tests counts as one failure', async (t) => {
  const { text } = await report(t, file('a.test.js', '', 'not ok 1 - a.test.js # time=5ms'), '')
  t.match(text, '0 passed, 1 failed\n')
})

t.test('a skipped test is named, and a failure where CI is set', async (t) => {
  const skip = file('a.test.js', '    ok 1 - it # SKIP no redis-server\n', 'ok 1 - a.test.js # time=5ms')
  const here = await report(t, skip, '')
  t.match(here.text, 'skip  a.test.js: it (no redis-server)\n')
  t.match(here.text, /\n0 passed, 0 failed, 1 skipped\n$/)
  t.equal(here.exitCode, undefined)
  const ci = await report(t, skip, 'true')
  t.match(ci.text, /\n0 passed, 1 failed, 1 skipped\n$/)
  t.equal(ci.exitCode, 1)
})
