import t from 'tap'
import { UsageError } from '../support/usage.ts'
import { readArguments } from './arguments.ts'

t.test('without arguments all combinations run, with a random seed', async (t) => {
  t.strictSame(readArguments([], 0.5), { help: false, seed: 500_000, steps: 26, only: undefined })
})

t.test('arguments replace the defaults', async (t) => {
  t.match(readArguments(['--seed', '7', '--steps', '3', '--only', 'kernel'], 0), { seed: 7, steps: 3, only: 'kernel' })
  t.match(readArguments(['--quick'], 0), { steps: 5 })
  t.match(readArguments(['--quick', '--steps', '9'], 0), { steps: 9 })
  t.match(readArguments(['-h'], 0), { help: true })
})

t.test('an invalid argument is refused with a correct one', async (t) => {
  const cases: [string[], RegExp][] = [
    [['--seed', 'x'], /--seed: expected an integer from 0 to 4294967295, got 'x'/],
    [['--steps', '0'], /--steps: expected an integer from 1/],
    [['--steps='], /--steps: .* got ''/],
    [['--only', 'cluster'], /--only: expected one of handoff, node-ipc, kernel, got 'cluster'/],
    [['--slow'], /--slow/],
    [['more'], /more/],
  ]
  for (const [args, message] of cases) t.throws(() => readArguments(args, 0), { constructor: UsageError, message })
})
