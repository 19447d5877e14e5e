import t from 'tap'
import { withoutDebugger, withoutDebuggerText } from '../../src/options/debugger-flags.ts'

t.test('flags that open a debugger or set its port are removed, with their value', async (t) => {
  const flags = [
    '--inspect',
    '--inspect-brk=0.0.0.0:9229',
    '--inspect_wait',
    '--inspect-port',
    '9230',
    '--inspect-port=0',
  ]
  t.strictSame(withoutDebugger(['--no-warnings', ...flags, '--import', './hook.js']), [
    '--no-warnings',
    '--import',
    './hook.js',
  ])
})

t.test('they are removed from NODE_OPTIONS too, and quotes are kept', async (t) => {
  for (const [text, left] of [
    ['--inspect', ''],
    ['--max-old-space-size=512', '--max-old-space-size=512'],
    ['--inspect=0  --no-warnings', '--no-warnings'],
    ['--inspect-port 9230 --no-warnings', '--no-warnings'],
    ['"--inspect-brk=0" --require "./with space.js"', '--require "./with space.js"'],
    ['--title="say \\"--inspect now\\"" --inspect', '--title="say \\"--inspect now\\""'],
    ['', ''],
  ] as const) {
    t.equal(withoutDebuggerText(text), left)
  }
})
