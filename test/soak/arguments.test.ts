import t from 'tap'
import { UsageError } from '../support/usage.ts'
import { readArguments } from './arguments.ts'

t.test('a minute each way, unless something else was said', async (t) => {
  t.strictSame(readArguments([]), { help: false, seconds: 60, only: undefined })
  t.match(readArguments(['--quick']), { seconds: 5 })
  t.match(readArguments(['--quick', '--seconds', '9', '--only', 'nginx']), { seconds: 9, only: 'nginx' })
  t.match(readArguments(['-h']), { help: true })
})

t.test('what makes no sense is refused, with what would', async (t) => {
  const cases: [string[], RegExp][] = [
    [['--seconds', '0'], /--seconds: expected an integer from 1 to 86400, got '0'/],
    [['--only', 'envoy'], /--only: expected one of direct, nginx, haproxy, got 'envoy'/],
    [['--slow'], /--slow/],
  ]
  for (const [args, message] of cases) t.throws(() => readArguments(args), { constructor: UsageError, message })
})
