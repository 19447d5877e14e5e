import t from 'tap'
import { UsageError } from '../support/usage.ts'
import { readArguments } from './arguments.ts'

t.test('the defaults are a million inputs and a random seed', async (t) => {
  t.strictSame(readArguments([], 0.5), { help: false, seed: 500_000, inputs: 1_000_000 })
  t.match(readArguments(['--quick'], 0), { inputs: 50_000 })
  t.match(readArguments(['--quick', '--inputs', '9', '--seed', '3'], 0), { inputs: 9, seed: 3 })
  t.match(readArguments(['-h'], 0), { help: true })
})

t.test('an invalid argument is refused with a correct one', async (t) => {
  const cases: [string[], RegExp][] = [
    [['--seed', '-'], /--seed: expected an integer from 0 to 4294967295, got '-'/],
    [['--inputs', '0'], /--inputs: expected an integer from 1/],
    [['--slow'], /--slow/],
  ]
  for (const [args, message] of cases) t.throws(() => readArguments(args, 0), { constructor: UsageError, message })
})
