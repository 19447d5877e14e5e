import t from 'tap'
import { UsageError } from '../support/usage.ts'
import { readArguments } from './arguments.ts'

t.test('the default is a minute for each way', async (t) => {
  t.strictSame(readArguments([]), { help: false, seconds: 60, only: undefined })
  t.match(readArguments(['--quick']), { seconds: 5 })
  t.match(readArguments(['--quick', '--seconds', '9', '--only', 'nginx']), { seconds: 9, only: 'nginx' })
  t.match(readArguments(['-h']), { help: true })
})

t.test('an invalid argument is refused with a correct one', async (t) => {
  const cases: [string[], RegExp][] = [
    [['--seconds', '0'], /--seconds: expected an integer from 1 to 86400, got '0'/],
    [['--only', 'envoy'], /--only: expected one of direct, nginx, haproxy, got 'envoy'/],
    [['--slow'], /--slow/],
  ]
  for (const [args, message] of cases) t.throws(() => readArguments(args), { constructor: UsageError, message })
})
