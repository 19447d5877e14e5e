import t from 'tap'
import { countSignals } from '../../src/supervisor/signals.ts'

t.test('the same signal again, 250 ms later, is a second one', async (t) => {
  let now = 1_000
  const which = countSignals(() => now)
  t.equal(which('SIGTERM'), 'first')
  now += 250
  t.equal(which('SIGTERM'), 'second')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} that the group receives and a program passes on counts once`, async (t) => {
    let now = 1_000
    const which = countSignals(() => now)
    t.equal(which(signal), 'first')
    now += 20
    t.equal(which(signal), 'echo')
    t.equal(which(signal), 'echo')
    now += 1_000
    t.equal(which(signal), 'second', 'a repeated signal counts as a second one')
  })
}

t.test('a different signal is never an echo', async (t) => {
  const which = countSignals(() => 0)
  t.equal(which('SIGINT'), 'first')
  t.equal(which('SIGTERM'), 'second')
})
